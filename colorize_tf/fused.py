"""TensorFlow functions compiled by XLA, which makes one loop of many small operations: far faster on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

__all__ = ["fused"]


def fused(function: Callable[..., Any], *specs: tf.TensorSpec) -> Callable[..., Any]:
    """A graph function, compiled and tried on zeros of these specs; as it is where TensorFlow was built without XLA."""
    fast = tf.function(function, jit_compile=True, autograph=False)
    try:
        with tf.init_scope(), tf.device("CPU:0"):  # at once, even where it is asked for within a graph
            fast(*(tf.zeros(spec.shape, spec.dtype) for spec in specs))
    except (tf.errors.OpError, ValueError, NotImplementedError):
        return function
    return fast
