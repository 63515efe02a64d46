"""How large a network is and how much it computes: of the weights and layers that a call uses, no others."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Footprint", "footprint"]


@dataclass(frozen=True)
class Footprint:
    """What it costs to colorize one picture."""

    parameters: int  # numbers in the weights that are read
    macs: int  # multiplications followed by an addition, in convolutions and matrix products
    side: int  # of the picture


def footprint(call: Callable[..., Any], *shapes: Sequence[int], side: int) -> Footprint:
    """A function of float32 tensors of these shapes, those of a picture of `side` -> its footprint.

    Discriminators and other parts that only training needs are not in its graph, and so are not counted.
    """
    import tensorflow as tf

    concrete = tf.function(call, autograph=False).get_concrete_function(*(tf.TensorSpec(s, tf.float32) for s in shapes))
    numbers = [math.prod(variable.shape) for variable in concrete.variables if variable.dtype.is_floating]
    return Footprint(sum(numbers), sum(_macs(operation) for operation in _operations(concrete.graph)), side)


def _operations(graph: Any) -> Iterator[Any]:
    for operation in graph.get_operations():
        if operation.type in ("PartitionedCall", "StatefulPartitionedCall"):
            inner = operation.get_attr("f").name
            yield from _operations(graph._get_function(inner).graph)
        else:
            yield operation


def _macs(operation: Any) -> int:
    """Outputs times what is summed up for each; a transposed convolution does the work of the one it undoes."""
    summed = 0
    made = operation.outputs[0].shape if operation.outputs else ()
    if operation.type == "Conv2D":
        summed = math.prod(operation.inputs[1].shape[:3])
    elif operation.type == "Conv2DBackpropInput":
        made, summed = operation.inputs[2].shape, math.prod(operation.inputs[1].shape[:3])
    elif operation.type == "DepthwiseConv2dNative":
        summed = math.prod(operation.inputs[1].shape[:2])
    elif operation.type in ("MatMul", "BatchMatMulV2"):
        transposed = operation.get_attr("transpose_a" if operation.type == "MatMul" else "adj_x")
        summed = operation.inputs[0].shape[-2 if transposed else -1]
    return summed * math.prod(made) if summed else 0
