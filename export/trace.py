"""A file run on samples with nothing hidden: every tensor between its ends can be looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .flatbuffer import Graph

__all__ = ["of_one_shape", "runs"]


def runs(content: bytes, samples: Sequence[Mapping[str, np.ndarray]]) -> Iterator[Any]:
    """TFLite file and inputs by name -> an interpreter after each of them; `get_tensor` gives any tensor by index."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # A delegate would keep to itself what lies between its ends.
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(
        model_content=content, experimental_op_resolver_type=plain, experimental_preserve_all_tensors=True
    )
    ends = {end.name.decode(): end.tensorIndex for end in Graph(content).model.signatureDefs[0].inputs}
    for sample in samples:
        for name, index in ends.items():
            interpreter.resize_tensor_input(index, sample[name].shape)
        interpreter.allocate_tensors()
        for name, index in ends.items():
            interpreter.set_tensor(index, sample[name])
        interpreter.invoke()
        yield interpreter


def of_one_shape(samples: Sequence[Mapping[str, np.ndarray]]) -> list[list[int]]:
    """Inputs by name -> groups of their indices, those of pictures of one size together."""
    groups: dict[tuple[tuple[int, ...], ...], list[int]] = {}
    for index, sample in enumerate(samples):
        groups.setdefault(tuple(value.shape for value in sample.values()), []).append(index)
    return list(groups.values())
