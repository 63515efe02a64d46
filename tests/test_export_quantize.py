"""Quantized files: what stays float32, what the ranges are, and that averages are kept."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from colorize_tf.export.equalize import equalize
from colorize_tf.export.flatbuffer import Graph, defects
from colorize_tf.export.quantize import float_edges, quantize
from colorize_tf.export.ranges import BINS, best_range, calibrated, drop_rare_values, drop_what_relu_drops, widen

SIDE = 16
SLIGHT = keras.initializers.Constant(0.1)


def float_file(build: Callable[[Any], Any], channels: int = 1) -> bytes:
    """A function of Keras tensors -> a float32 TFLite file with input `luma` and output `ab`."""
    keras.utils.set_random_seed(3)
    luma = keras.Input((SIDE, SIDE, channels), batch_size=1, name="luma")
    model = keras.Model(luma, build(luma))

    @tf.function(input_signature=[tf.TensorSpec((1, SIDE, SIDE, channels), tf.float32, name="luma")])
    def serve(luma: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"ab": model(luma)}

    serve.get_concrete_function()
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serving_default", serve)
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["serving_default"])
        graph = Graph(bytes(converter.convert()))
    graph.rename_ends()
    return graph.pack()


def samples(count: int = 24, channels: int = 1) -> list[dict[str, np.ndarray]]:
    random = np.random.default_rng(5)
    return [{"luma": random.uniform(0, 100, (1, SIDE, SIDE, channels)).astype(np.float32)} for _ in range(count)]


def run(content: bytes, sample: dict[str, np.ndarray]) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_content=content).get_signature_runner()(**sample)["ab"]


def distance(first: bytes, second: bytes) -> float:
    return float(np.mean([np.abs(run(first, one) - run(second, one)).mean() for one in samples(8)]))


def trunk(luma: Any) -> Any:
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(luma / 50.0 - 1.0)
    return layers.Conv2D(8, 3, padding="same", activation="relu")(x)


def u_net(luma: Any) -> Any:
    skip = layers.Conv2D(6, 3, strides=2, padding="same", kernel_initializer="he_normal")(luma / 50.0 - 1.0)
    x = layers.LeakyReLU(0.2)(skip)
    x = layers.Conv2D(8, 3, strides=2, padding="same")(x)
    # The decoder's own part reaches far below zero, where the ReLU cuts.
    x = layers.Conv2DTranspose(6, 4, strides=2, padding="same", bias_initializer=keras.initializers.Constant(-9.0))(x)
    x = layers.ReLU()(layers.Concatenate()([x, skip]))
    return 110.0 * ops.tanh(layers.Conv2DTranspose(2, 4, strides=2, padding="same", bias_initializer=SLIGHT)(x))


def classifier(luma: Any) -> Any:
    logits = layers.Conv2D(20, 1)(trunk(luma))
    temperature = 0.38 + 1e-3 * ops.mean(luma)  # a constant would be multiplied into the convolution
    weights = ops.softmax(logits / temperature)
    centres = np.random.default_rng(1).uniform(-100, 100, (20, 2)).astype(np.float32)
    return ops.matmul(weights, centres)


def dtypes(content: bytes, operator: str) -> set[str]:
    graph = Graph(content)
    return {graph.dtype(node.outputs[0]) for node in graph.nodes if node.operator == operator}


@pytest.mark.parametrize(("activations", "kind"), [("int8", "INT8"), ("int16", "INT16")])
def test_edges_stay_float_and_the_trunk_becomes_integer(activations: str, kind: str) -> None:
    floating = float_file(u_net)
    content = quantize(floating, samples(), activations)
    graph = Graph(content)
    assert {graph.dtype(index) for index in (*graph.inputs, *graph.outputs)} == {"FLOAT32"}
    assert dtypes(content, "TANH") == {"FLOAT32"}
    assert dtypes(content, "CONV_2D") == {kind}
    assert graph.dtype(graph.nodes[0].outputs[0]) == "FLOAT32"  # luma / 50, before QUANTIZE
    first, last = (node for node in graph.nodes if node.operator == "TRANSPOSE_CONV")
    assert graph.dtype(first.outputs[0]) == kind
    assert graph.dtype(last.outputs[0]) == graph.dtype(last.inputs[1]) == "FLOAT32"
    assert not any(name.startswith("CUSTOM") for name in graph.operators)
    assert defects(content) == []


def test_the_entrance_of_a_mobilenet_stays_float() -> None:
    """Its first block, and of the next two the depthwise convolutions."""

    def mobilenet(luma: Any) -> Any:
        x = layers.ReLU(6.0)(layers.Conv2D(8, 3, strides=2, padding="same")(luma / 50.0 - 1.0))
        for _ in range(4):
            x = layers.ReLU(6.0)(layers.DepthwiseConv2D(3, padding="same", bias_initializer=SLIGHT)(x))
            x = layers.ReLU(6.0)(layers.Conv2D(8, 1, bias_initializer=SLIGHT)(x))
        return layers.Conv2D(2, 1)(x)

    graph = Graph(quantize(float_file(mobilenet), samples(), "int8"))
    kinds = {kind: [] for kind in ("CONV_2D", "DEPTHWISE_CONV_2D")}
    for node in graph.nodes:
        if node.operator in kinds:
            kinds[node.operator].append(graph.dtype(node.outputs[0]))
    float32, int8 = ["FLOAT32"], ["INT8"]
    assert kinds["DEPTHWISE_CONV_2D"] == 3 * float32 + int8
    assert kinds["CONV_2D"] == 2 * float32 + 3 * int8 + float32  # the last one is the other edge


@pytest.mark.parametrize(("activations", "most"), [("int8", 0.6), ("int16", 0.2)])
def test_a_quantized_file_gives_what_the_float_file_gives(activations: str, most: float) -> None:
    floating = float_file(u_net)
    assert 0 < distance(quantize(floating, samples(), activations), floating) < most


@pytest.mark.parametrize("activations", ["int8", "int16"])
def test_softmax_temperature_and_expectation_stay_float(activations: str) -> None:
    content = quantize(float_file(classifier), samples(), activations)
    graph = Graph(content)
    position = next(place for place, node in enumerate(graph.nodes) if node.operator == "DEQUANTIZE")
    after = graph.nodes[position:]
    assert {graph.dtype(node.outputs[0]) for node in after} == {"FLOAT32"}
    assert {"DIV", "SOFTMAX"} <= {node.operator for node in after}
    assert after[-1].operator in ("FULLY_CONNECTED", "BATCH_MATMUL", "RESHAPE")
    weights = [node.inputs[1] for node in after if node.operator in ("CONV_2D", "FULLY_CONNECTED")]
    assert len(weights) >= 1 and all(graph.dtype(index) == "FLOAT32" for index in weights)


def test_large_kernels_of_the_edges_are_stored_in_half_the_bytes() -> None:
    def wide(luma: Any) -> Any:
        x = layers.Conv2D(1024, 3, padding="same", activation="relu")(trunk(luma))
        return layers.Conv2D(9, 1)(x)[..., :2]

    floating = float_file(wide)
    content = quantize(floating, samples(), "int8")
    graph = Graph(content)
    last = next(node for node in reversed(graph.nodes) if node.operator == "CONV_2D")
    (made,) = (node for node in graph.nodes if node.outputs == (last.inputs[1],))
    assert graph.dtype(last.inputs[1]) == "FLOAT32"
    assert graph.dtype(made.inputs[0]) == "FLOAT16"
    assert graph.constant(made.inputs[0]) and not graph.constant(last.inputs[1])
    assert 0 < distance(content, floating) < 1e-2


def test_a_softmax_inside_the_network_does_not_end_the_trunk() -> None:
    def attention(luma: Any) -> Any:
        x = trunk(luma)
        x = x * ops.softmax(layers.Conv2D(8, 1)(x))
        return layers.Conv2D(2, 3, padding="same")(layers.Conv2D(8, 3, padding="same")(x))

    graph = Graph(float_file(attention))
    names = [node.operator for node in graph.nodes]
    kept = [node.operator for node in float_edges(graph)]
    assert names.count("CONV_2D") == 5
    assert kept.count("SOFTMAX") == kept.count("CONV_2D") == 1  # the last one, not those from the softmax on


def test_what_ends_in_weights_is_int8_to_the_last_convolution() -> None:
    def two_heads(luma: Any) -> Any:
        x = trunk(luma)
        shares = ops.sigmoid(layers.Conv2D(2, 1, name="shares")(x))
        chances = ops.softmax((layers.Conv2D(16, 1, name="chances")(x) - 0.5) / 0.5)
        return layers.Conv2D(2, 1, name="mean")(chances) * shares + layers.Conv2D(2, 1, name="ab")(x)

    graph = Graph(quantize(float_file(two_heads), samples(), "int8"))
    dtypes = {}
    for node in graph.nodes:
        if node.operator == "CONV_2D":
            name = next((n for n in ("shares", "chances", "mean", "ab") if n in graph.name(node.outputs[0])), "trunk")
            dtypes[name] = graph.dtype(node.outputs[0])
    assert dtypes == {"trunk": "INT8", "shares": "INT8", "chances": "INT8", "mean": "FLOAT32", "ab": "FLOAT32"}


def test_biases_of_int16_files_are_what_kernels_read() -> None:
    graph = Graph(quantize(float_file(u_net), samples(), "int16"))
    convolutions = [node for node in graph.nodes if node.operator == "CONV_2D"]
    assert {graph.dtype(node.inputs[2]) for node in convolutions} == {"INT64"}
    for index in range(len(graph.tensors)):
        if graph.dtype(index) == "INT16":
            assert not np.any(graph.tensors[index].quantization.zeroPoint)


def normed(luma: Any) -> Any:
    x = layers.BatchNormalization(beta_initializer=SLIGHT, moving_mean_initializer=SLIGHT)(trunk(luma))
    return layers.Conv2D(2, 1)(layers.Conv2D(8, 3, padding="same", activation="relu")(x))


@pytest.mark.parametrize(("activations", "kind"), [("int8", "INT8"), ("int16", "FLOAT32")])
def test_a_norm_behind_a_relu_suits_either_width(activations: str, kind: str) -> None:
    floating = float_file(normed)
    content = quantize(floating, samples(), activations)
    graph = Graph(content)
    norm = [node for node in graph.nodes if node.operator == "ADD"]
    assert [graph.dtype(node.outputs[0]) for node in norm] == [kind]
    assert 0 < distance(content, floating) < 0.05


# === Ranges ===


def span(graph: Graph, index: int) -> tuple[float, float]:
    found = graph.tensors[index].quantization
    return float(found.min[0]), float(found.max[0])


def test_a_range_does_not_span_what_the_relu_cuts_off() -> None:
    graph = calibrated(float_file(u_net), samples())
    joined = next(node for node in graph.nodes if node.operator == "CONCATENATION")
    skip = min(span(graph, i)[0] for i in joined.inputs if len(graph.users[i]) > 1)
    assert span(graph, joined.outputs[0])[0] < -8 and skip > -6  # else this test would prove nothing
    drop_what_relu_drops(graph)
    assert span(graph, joined.outputs[0])[0] == pytest.approx(skip)


def with_scene(luma: Any) -> Any:
    x = trunk(luma)
    # Of what the whole picture says, most is far beyond what a ReLU of 6 leaves of the sum.
    scene = layers.Dense(8, kernel_initializer=keras.initializers.RandomNormal(stddev=60.0, seed=1))(
        layers.GlobalAveragePooling2D(keepdims=True)(x)
    )
    x = layers.ReLU(6.0)(layers.Conv2D(8, 1)(x) + scene)
    return layers.Conv2D(2, 1)(layers.Conv2D(8, 3, padding="same", activation="relu")(x))


def test_a_term_has_no_range_beyond_what_its_sum_is_cut_to() -> None:
    graph = calibrated(float_file(with_scene), samples())
    (total,) = (node for node in graph.nodes if node.operator == "ADD")
    scene, local = sorted(total.inputs, key=lambda index: span(graph, index)[0])
    wide, (low, high) = span(graph, scene), span(graph, local)
    assert wide[0] < -high - 6 and wide[1] > 6 - low + 6  # else this test would prove nothing
    drop_what_relu_drops(graph)
    assert span(graph, scene) == pytest.approx((-high, 6 - low))
    assert span(graph, local) == pytest.approx((low, high))


def test_a_range_is_narrowed_to_the_values_there_are() -> None:
    content = float_file(u_net)
    graph = calibrated(content, samples())
    inside = [node.outputs[0] for node in graph.nodes if node.operator in ("CONV_2D", "LEAKY_RELU")]
    other = graph.nodes[-1].outputs[0]
    measured = {index: span(graph, index) for index in (*inside, other)}
    widen(graph, 3.0)  # as if one photo in a thousand reached so far
    drop_rare_values(graph, inside, content, samples())
    for index in inside:
        assert np.all(np.abs(span(graph, index)) <= 1.21 * np.abs(measured[index]) + 1e-3)
    assert span(graph, other) == pytest.approx([3 * end for end in measured[other]])


def squared_error(values: np.ndarray, low: float, high: float) -> float:
    step = (high - low) / 255
    rounded = low + np.round((values.clip(low, high) - low) / step) * step
    return float(np.square(rounded - values).mean())


@pytest.mark.parametrize("tail", ["both", "upper", "none"])
def test_the_best_range_rounds_with_less_error_than_the_whole_one(tail: str) -> None:
    random = np.random.default_rng(3)
    values = random.uniform(-1, 1, 200_000)
    if tail != "none":
        values = np.append(random.normal(size=200_000), [-30.0, 30.0])
    if tail == "upper":
        values = np.maximum(values, 0.0)
    low, high = float(values.min()), float(values.max())
    counts = np.histogram(values, BINS, (low, high))[0]
    narrow = best_range(counts, low, high)
    if tail == "none":
        assert narrow == (low, high)  # every value counts as much as any other
    else:
        assert squared_error(values, *narrow) < 0.97 * squared_error(values, low, high)
        assert (narrow[0] == 0) == (tail == "upper")  # 0 stays exact


# === Equalizing ===


def spread(*scales: float) -> Callable[..., Any]:
    """An initializer whose input channels have these scales, in equal parts."""

    def initialize(shape: tuple[int, ...], dtype: object = None) -> np.ndarray:
        each = np.repeat(scales, shape[-1] // len(scales))
        return np.random.default_rng(7).normal(0, 1, shape).astype(np.float32) * each.astype(np.float32)

    return initialize


def uneven(luma: Any) -> Any:
    """A skip that reaches ±0.02, joined with decoder channels that reach ±10; the skip decides the colours."""
    skip = layers.Conv2D(6, 3, strides=2, padding="same", kernel_initializer=spread(0.004))(luma / 50.0 - 1.0)
    x = layers.Conv2D(8, 3, strides=2, padding="same", kernel_initializer=spread(30.0))(layers.LeakyReLU(0.2)(skip))
    x = layers.Conv2DTranspose(6, 4, strides=2, padding="same", kernel_initializer=spread(0.5))(layers.ReLU()(x))
    x = layers.ReLU()(layers.Concatenate()([x, skip]))
    # Keras keeps a transposed convolution's kernel as [h,w,out,in].
    return layers.Conv2DTranspose(2, 4, strides=2, padding="same", kernel_initializer=spread(0.01, 100.0))(x)


def test_equalizing_changes_nothing_that_is_computed() -> None:
    floating = float_file(uneven)
    equal = equalize(floating, samples(8))
    assert equal != floating
    assert distance(equal, floating) < 1e-3


def test_equalizing_saves_what_a_common_scale_would_round_away(monkeypatch: pytest.MonkeyPatch) -> None:
    floating = float_file(uneven)
    even = distance(quantize(floating, samples(), "int8"), floating)
    monkeypatch.setattr("colorize_tf.export.quantize.equalize", lambda content, _: content)
    assert distance(quantize(floating, samples(), "int8"), floating) > 5 * even


@pytest.mark.parametrize(
    "between",
    [
        lambda x: layers.ReLU(6.0)(x),
        lambda x: ops.tanh(x),
        lambda x: ops.softmax(x),
        lambda x: layers.Add()([x, ops.roll(x, 1, axis=1)]),
    ],
    ids=["relu6", "tanh", "softmax", "sum"],
)
def test_channels_are_left_alone_where_a_factor_would_change_the_result(between: Callable[[Any], Any]) -> None:
    def build(luma: Any) -> Any:
        x = layers.Conv2D(8, 3, padding="same", kernel_initializer=spread(2.0))(luma / 50.0 - 1.0)
        return layers.Conv2D(2, 3, padding="same", kernel_initializer=spread(0.1, 3.0))(between(x))

    floating = float_file(build)
    assert distance(equalize(floating, samples(8)), floating) < 1e-4


def test_two_networks_outputs_are_not_scaled() -> None:
    def build(luma: Any) -> Any:
        x = layers.Conv2D(2, 3, padding="same")(luma)
        return layers.Concatenate()([x[..., :1], layers.Conv2D(1, 3, padding="same")(x)])

    floating = float_file(build)
    assert distance(equalize(floating, samples(8)), floating) < 1e-4
