"""Rescales the channels inside a float file, which changes nothing it computes, so that 8 bits suit all of them.

A tensor of 8-bit activations has one scale for all its channels, and so do all parts of a concatenation. A trained
U-Net joins skips that reach ±0.2 with decoder channels that reach 30: with one scale the skips are rounded away.
Between two convolutions, however, any channel may be multiplied by a positive number if the next kernel is divided by
it; leaky ReLUs, pooling and concatenations let it pass (Nagel et al. 2019, arXiv:1906.04721, section 4.1). The number
is chosen as in SmoothQuant (Xiao et al. 2022, arXiv:2211.10438): it makes the largest activation of a channel equal
to the largest weight that reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .flatbuffer import Graph, Node
from .trace import runs

__all__ = ["equalize"]

# What lets a positive factor pass from its input to its output, channel by channel.
CARRIERS = frozenset(
    {
        "LEAKY_RELU", "RELU", "MAX_POOL_2D", "AVERAGE_POOL_2D", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR",
        "CONCATENATION",
    }
)  # fmt: skip
DATA_INPUT = {"CONV_2D": 0, "TRANSPOSE_CONV": 2}  # with kernels [out,h,w,in]
BIAS_INPUT = {"CONV_2D": 2, "TRANSPOSE_CONV": 3}
LINEAR = (0, 1)  # the fused activations NONE and RELU


@dataclass(frozen=True)
class Link:
    """The channels that `producer` gives, and the convolutions that read them, each from some channel on."""

    producer: Node
    readers: list[tuple[Node, int]]
    positive: bool  # whether all readers see them through a ReLU


def equalize(content: bytes, samples: Sequence[Mapping[str, np.ndarray]]) -> bytes:
    """float32 TFLite file and inputs by name -> a file of the same function with channels of like size."""
    graph = Graph(content)
    links = [link for node in graph.nodes if (link := _link(graph, node))]
    largest = _largest(content, links, samples)
    weights: dict[int, np.ndarray] = {}  # changed constants by tensor; a link's reader is another link's producer

    def constant(index: int) -> np.ndarray:
        if index not in weights:
            weights[index] = graph.values(index, np.float32).reshape(graph.shape(index)).copy()
        return weights[index]

    for link, reach in zip(links, largest, strict=True):
        channels = len(reach)
        kernels = [constant(reader.inputs[1])[..., first : first + channels] for reader, first in link.readers]
        read = np.max([np.abs(kernel).max(axis=(0, 1, 2)) for kernel in kernels], axis=0)
        used = (reach > 1e-6) & (read > 1e-6)  # a channel that is always 0, or that nobody reads, stays as it is
        factor = np.where(used, np.sqrt(np.maximum(read, 1e-6) / np.maximum(reach, 1e-6)), 1.0).astype(np.float32)
        constant(link.producer.inputs[1])[:] *= factor[:, None, None, None]
        bias = BIAS_INPUT[link.producer.operator]
        if len(link.producer.inputs) > bias and link.producer.inputs[bias] >= 0:
            constant(link.producer.inputs[bias])[:] *= factor
        for kernel in kernels:
            kernel /= factor
    for index, values in weights.items():
        graph.replace_constant(index, values, "FLOAT32")
    return graph.pack()


def _link(graph: Graph, node: Node) -> Link | None:
    """What reads a convolution's channels; None where a factor would change the result."""
    if node.operator not in DATA_INPUT or node.options.fusedActivationFunction not in LINEAR:
        return None
    readers: list[tuple[Node, int]] = []
    positive = True
    todo = [(node.outputs[0], 0, node.options.fusedActivationFunction == 1)]
    while todo:
        index, first, clipped = todo.pop()
        if index in graph.outputs:
            return None
        for user in graph.users.get(index, []):
            position = user.inputs.index(index)
            if user.operator == "SHAPE":
                continue
            if DATA_INPUT.get(user.operator) == position:
                readers.append((user, first))
                positive &= clipped
            elif user.operator in CARRIERS:
                skipped = user.inputs[:position] if user.operator == "CONCATENATION" else ()
                before = sum(graph.shape(other)[-1] for other in skipped)
                todo.append((user.outputs[0], first + before, clipped or user.operator == "RELU"))
            else:
                return None
    return Link(node, readers, positive) if readers else None


def _largest(content: bytes, links: Sequence[Link], samples: Sequence[Mapping[str, np.ndarray]]) -> list[np.ndarray]:
    """The largest value of each channel of each link that any reader sees."""
    largest: list[np.ndarray] = [np.zeros(1)] * len(links)
    for run in runs(content, samples):
        for position, link in enumerate(links):
            value = run.get_tensor(link.producer.outputs[0])
            value = value.reshape(-1, value.shape[-1])
            reach = value.max(0) if link.positive else np.abs(value).max(0)
            largest[position] = np.maximum(largest[position], reach)
    return largest
