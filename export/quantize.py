"""A float32 file becomes an int8 or int16 file whose edges, softmax and colour arithmetic stay float32.

TensorFlow's quantizer would quantize everything, colour conversion included. What it has to leave alone follows from
the graph: whatever comes before the first convolution, the last convolution, and whatever comes after it. So
normalisation, tanh, the colour spaces and the softmax, temperature and expectation of a classification head stay
float32 in every model, without naming a single layer. The last convolution is the one whose 256 steps could be seen:
stretched over all of ab, a step is 2 Lab units. Not so where a softmax or a sigmoid weighs with what it gives: the
steps of many weights even out, and such a convolution, often a large one, is int8 as those before it.

The quantizer's own list of operators to leave alone misses those whose location it has merged with another's, such as
transposed convolutions with a bias. Here they are custom operators, which it cannot know, as long as it works.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from .equalize import equalize
from .flatbuffer import Graph, Node
from .ranges import calibrated, drop_rare_values, drop_what_relu_drops, widen

__all__ = ["float_edges", "quantize"]

WEIGHTED = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "BATCH_MATMUL"})
BIAS_INPUT = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3}

# The quantizer's versions of these operators promise biases of 32 bits; those with 64 bits are older.
VERSION_WITH_LONG_BIAS = {"CONV_2D": 4, "FULLY_CONNECTED": 7}

ARITHMETIC = frozenset({"ADD", "SUB", "MUL", "DIV"})
# What may stand between a convolution and the function that makes weights of its output.
ALONG = ARITHMETIC | {"RESHAPE", "SPLIT"}
WEIGHS = frozenset({"SOFTMAX", "LOGISTIC"})

FEW = 32  # samples that histograms are made of; ranges are measured on all
FINE = 2  # depthwise convolutions after the first one that still see small differences
LARGE = 8192  # weights of a kernel from which halving it is worth an operator
# Photos beyond those the ranges were measured on clip. 16 bits can spare one for them.
INT16_HEADROOM = 2.0


def quantize(
    content: bytes, samples: Sequence[Mapping[str, np.ndarray]], activations: str, *, narrow: bool = True
) -> bytes:
    """float32 TFLite file, inputs by name, "int8" or "int16" -> file with int8 weights and such activations.

    Unless told otherwise, ranges of 8 bits are `narrow`: the rarest values clip.
    """
    # The public converter reaches neither single operators nor, for int16, this quantizer.
    from tensorflow.compiler.mlir.lite import types_pb2
    from tensorflow.lite.python.convert import mlir_quantize

    content = equalize(content, samples)
    graph = calibrated(content, samples)
    edges = float_edges(graph)
    if activations == "int16":
        edges += [node for node in graph.nodes if node not in edges and _mixes_widths(graph, node)]
    drop_what_relu_drops(graph)
    if activations == "int8" and narrow:
        drop_rare_values(graph, [index for node in graph.nodes for index in node.outputs], content, samples[:FEW])
    inner = (node for node in graph.nodes if node.operator in WEIGHTED and node not in edges)
    hidden = graph.hide(edges, kept={node.outputs[0] for node in inner})
    if activations == "int8":
        result = Graph(mlir_quantize(graph.pack()))
    else:
        widen(graph, INT16_HEADROOM)
        result = Graph(mlir_quantize(graph.pack(), inference_type=types_pb2.QUANTIZED_INT16))
        _mend_int16(result)
    result.reveal(hidden)
    _halve_what_stayed(result)
    return result.pack()


def float_edges(graph: Graph) -> list[Node]:
    """float32 graph -> the operators that stay float32: see above."""
    products = [node for node in graph.nodes if node.operator in WEIGHTED and graph.constant(node.inputs[1])]
    head = _classification_head(graph.nodes, products)
    trunk = [node for node in products if node not in head]
    before = {i for node in trunk for i in node.inputs}
    for node in reversed(graph.nodes):
        if before.intersection(node.outputs):
            before.update(node.inputs)
    after = _reached(graph.nodes, {i for node in trunk for i in node.outputs})
    # The last of the trunk are those whose outputs reach no other one.
    inner = [node for node in graph.nodes if after.issuperset(node.outputs) and before.issuperset(node.outputs)]
    weighing = [node for node in trunk if node not in inner and _becomes_weights(graph, node.outputs[0])]
    integer = [node for node in (*inner, *weighing) if node not in _entrance(graph, inner)]
    return [node for node in graph.nodes if node.operator == "SOFTMAX" or node not in integer]


def _mixes_widths(graph: Graph, node: Node) -> bool:
    """Whether it is arithmetic with a constant, which the quantizer makes 8-bit beside 16-bit values and then refuses.

    A batch norm that follows a ReLU is such a product and such a sum.
    """
    return node.operator in ARITHMETIC and any(graph.constant(index) for index in node.inputs)


def _entrance(graph: Graph, inner: Sequence[Node]) -> list[Node]:
    """A first convolution that only depthwise ones read, those, the pointwise ones after them, and what they see next.

    Depthwise ones take differences of neighbours, which in a sky or another smooth place are smaller than a step of
    eight bits, until the picture has become coarse.
    """
    made = {i for node in inner for i in node.outputs}
    entrance: list[Node] = []
    for first in inner:
        if first.operator == "CONV_2D" and first.inputs[0] not in made:
            depthwise, pointwise = _block_after(graph, [first])
            entrance += [first, *depthwise, *pointwise] if depthwise else []
            for _ in range(FINE):
                depthwise, pointwise = _block_after(graph, pointwise)
                entrance += depthwise
    return entrance


def _block_after(graph: Graph, nodes: Sequence[Node]) -> tuple[list[Node], list[Node]]:
    """The depthwise convolutions that alone read what some of the nodes make, and what reads those."""
    read = [graph.users.get(node.outputs[0], []) for node in nodes]
    depthwise = [
        reader for readers in read if all(it.operator == "DEPTHWISE_CONV_2D" for it in readers) for reader in readers
    ]
    return depthwise, [last for reader in depthwise for last in graph.users[reader.outputs[0]]]


def _becomes_weights(graph: Graph, index: int) -> bool:
    """Whether a tensor ends in softmaxes or sigmoids, whichever way one follows it."""
    users = graph.users.get(index, [])
    ends = (
        user.operator in WEIGHS or (user.operator in ALONG and all(_becomes_weights(graph, i) for i in user.outputs))
        for user in users
    )
    return bool(users) and index not in graph.outputs and all(ends)


def _classification_head(nodes: Sequence[Node], products: Sequence[Node]) -> list[Node]:
    """The operators from a softmax on, if at most one of the products follows it: the expectation over its classes.

    A softmax that more of the network depends on belongs to an attention layer, and is no head.
    """
    for node in reversed(nodes):
        if node.operator == "SOFTMAX":
            reached = _reached(nodes, set(node.outputs))
            head = [other for other in nodes if reached.issuperset(other.outputs)]
            if sum(other in products for other in head) <= 1:
                return [node, *head]
    return []


def _reached(nodes: Sequence[Node], start: set[int]) -> set[int]:
    """The tensors of `start` and all that are computed from them."""
    reached = set(start)
    for node in nodes:
        if reached.intersection(node.inputs):
            reached.update(node.outputs)
    return reached


def _halve_what_stayed(graph: Graph) -> None:
    """Stores the large kernels of the float edges as float16, as the float16 recipe does, with no loss to be seen."""
    kernels = {node.inputs[1] for node in graph.nodes if node.operator in WEIGHTED}
    for index in sorted(kernels):
        if graph.constant(index) and graph.dtype(index) == "FLOAT32" and prod(graph.shape(index)) >= LARGE:
            graph.halve(index)


def _mend_int16(graph: Graph) -> None:
    """Makes the quantizer's int16 graph what the kernels read: zero points of 0, biases of 64 bits.

    The quantizer centres a range on -0.5, which rounds to 0 or to -1, and writes 32-bit biases, which the kernels
    take for 64-bit ones without a word.
    """
    for index, tensor in enumerate(graph.tensors):
        if graph.dtype(index) == "INT16" and tensor.quantization is not None:
            tensor.quantization.zeroPoint = np.zeros_like(tensor.quantization.zeroPoint)
    biases = {
        node.inputs[BIAS_INPUT[node.operator]]
        for node in graph.nodes
        if len(node.inputs) > BIAS_INPUT.get(node.operator, 99)
    }
    for index in biases:
        if index >= 0 and graph.dtype(index) == "INT32":
            graph.replace_constant(index, graph.values(index, np.int32).astype(np.int64), "INT64")
    for name, version in VERSION_WITH_LONG_BIAS.items():
        graph.limit_version(name, version)
