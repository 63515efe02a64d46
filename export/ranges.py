"""The ranges of a calibrated graph, narrowed to what is worth a share of 255 steps.

Calibration notes the least and the greatest value that a tensor ever has. Two kinds of values near them are better
given up: those that a ReLU cuts off anyway, and those so rare that all others would pay for them with coarser steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from ai_edge_litert.schema_py_generated import ActivationFunctionType

from .flatbuffer import Graph, Node
from .trace import of_one_shape, runs

__all__ = ["calibrated", "drop_rare_values", "drop_what_relu_drops", "widen"]

BINS = 2048
STEPS = 255  # of 8 bits
LETS_PASS = {ActivationFunctionType.RELU: (0.0, np.inf), ActivationFunctionType.RELU6: (0.0, 6.0)}
SHARES = np.linspace(1.0, 0.3, 15)  # of either end of a range that are tried


def calibrated(content: bytes, samples: Sequence[Mapping[str, np.ndarray]]) -> Graph:
    """float32 TFLite file and inputs by name -> its graph, whose tensors know the range of their values."""
    from tensorflow.lite.python.optimize.calibrator import Calibrator, add_intermediate_tensors

    floating = Graph(content)
    names = {end.tensorIndex: end.name.decode() for end in floating.model.signatureDefs[0].inputs}
    order = [names[index] for index in floating.inputs]
    graphs = []
    for group in of_one_shape(samples):  # the calibrator cannot change the size of two inputs at once
        fed = [[samples[index][name] for name in order] for index in group]
        graphs.append(Graph(Calibrator(add_intermediate_tensors(content)).calibrate(lambda fed=fed: iter(fed))))
    graph, *others = graphs
    for index in range(len(graph.tensors)):
        lows, highs = zip(*(_range(one, index) for one in (graph, *others)), strict=True)
        _set_range(graph, index, min(lows), max(highs))
    return graph


def drop_what_relu_drops(graph: Graph) -> None:
    """Narrows the range of what only a ReLU reads, through a concatenation or a sum, to the part that it lets pass."""
    for node in graph.nodes:
        if node.operator == "CONCATENATION":
            _drop_before_joined(graph, node)
        elif node.operator == "ADD" and node.options.fusedActivationFunction in LETS_PASS:
            _drop_before_sum(graph, node)


def _drop_before_joined(graph: Graph, node: Node) -> None:
    """The quantizer gives all parts of a concatenation one scale.

    In a U-Net one part is a skip of the encoder, which has other readers; the other is made by the decoder and often
    reaches far below zero, where the ReLU after the concatenation cuts it off.
    """
    joined = node.outputs[0]
    if joined in graph.outputs or any(user.operator != "RELU" for user in graph.users.get(joined, [])):
        return
    only_here = [i for i in node.inputs if graph.users[i] == [node] and not graph.constant(i)]
    floor = min((_range(graph, i)[0] for i in node.inputs if i not in only_here), default=0.0)
    for index in (*only_here, joined):
        low, high = _range(graph, index)
        _set_range(graph, index, max(low, min(floor, 0.0)), high)


def _drop_before_sum(graph: Graph, node: Node) -> None:
    """What one term of a sum says can no longer matter where the other, even at its extreme, is cut off with it.

    A global feature, added to all places at once, often reaches far beyond: its steps would tint the whole picture.
    """
    floor, ceiling = LETS_PASS[node.options.fusedActivationFunction]
    for index, other in (node.inputs, reversed(node.inputs)):
        lowest, highest = _range(graph, other)
        if lowest == highest:  # not measured: a constant
            continue
        for source in _same_values(graph, index, node):
            low, high = _range(graph, source)
            _set_range(graph, source, max(low, min(floor - highest, 0.0)), min(high, max(ceiling - lowest, 0.0)))


def _same_values(graph: Graph, index: int, reader: Node) -> list[int]:
    """A tensor and those it was reshaped from, as far as nothing but `reader`, or the reshaping, reads them."""
    found: list[int] = []
    makers = {node.outputs[0]: node for node in graph.nodes}
    while graph.users.get(index) == [reader] and index not in graph.outputs and not graph.constant(index):
        found.append(index)
        maker = makers.get(index)
        if maker is None or maker.operator != "RESHAPE":
            break
        index, reader = maker.inputs[0], maker
    return found


def drop_rare_values(
    graph: Graph, tensors: Iterable[int], content: bytes, samples: Sequence[Mapping[str, np.ndarray]]
) -> None:
    """Narrows the ranges of these tensors so that the squared error of rounding and clipping together is least.

    `content` is the float file that `graph` was calibrated from, whose tensors have the same names.
    """
    names = Graph(content)
    index_of = {names.name(index): index for index in range(len(names.tensors))}
    ranges = {index: _range(graph, index) for index in tensors}
    ranges = {index: ends for index, ends in ranges.items() if ends[0] < ends[1]}
    counts = {index: np.zeros(BINS) for index in ranges}
    for run in runs(content, samples):
        for index, (low, high) in ranges.items():
            values = run.get_tensor(index_of[graph.name(index)])
            counts[index] += np.histogram(values.clip(low, high), BINS, (low, high))[0]
    for index, (low, high) in ranges.items():
        _set_range(graph, index, *best_range(counts[index], low, high))


def best_range(counts: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """How often values fall into equal bins from `low` to `high` -> the range that rounds them with the least error."""
    values = low + (np.arange(len(counts)) + 0.5) * (high - low) / len(counts)
    share = counts / max(counts.sum(), 1.0)
    best = (np.inf, low, high)
    for lower in SHARES * low if low < 0 else [low]:
        for upper in SHARES * high if high > 0 else [high]:
            clipped = np.maximum(values - upper, 0.0) + np.maximum(lower - values, 0.0)
            error = share @ np.square(clipped) + ((upper - lower) / STEPS) ** 2 / 12.0
            best = min(best, (error, lower, upper))
    return float(best[1]), float(best[2])


def widen(graph: Graph, factor: float) -> None:
    """Multiplies all ranges by `factor`."""
    for index in range(len(graph.tensors)):
        low, high = _range(graph, index)
        _set_range(graph, index, factor * low, factor * high)


def _range(graph: Graph, index: int) -> tuple[float, float]:
    found = graph.tensors[index].quantization
    return (float(found.min[0]), float(found.max[0])) if found is not None and found.min is not None else (0.0, 0.0)


def _set_range(graph: Graph, index: int, low: float, high: float) -> None:
    found = graph.tensors[index].quantization
    if found is not None and found.min is not None:
        found.min, found.max = np.array([low], np.float32), np.array([max(high, low)], np.float32)
