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

from colorize_tf.export.bias import correct_last_biases
from colorize_tf.export.flatbuffer import Graph, defects
from colorize_tf.export.quantize import drop_what_relu_drops, float_edges, quantize

SIDE = 16


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
    tint = keras.initializers.Constant(0.1)
    return 110.0 * ops.tanh(layers.Conv2DTranspose(2, 4, strides=2, padding="same", bias_initializer=tint)(x))


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
    assert dtypes(content, "CONV_2D") == dtypes(content, "TRANSPOSE_CONV") == {kind}
    assert graph.dtype(graph.nodes[0].outputs[0]) == "FLOAT32"  # luma / 50, before QUANTIZE
    assert defects(content) == []


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
    weights = [node.inputs[1] for node in after if node.operator == "FULLY_CONNECTED"]
    assert all(graph.dtype(index) == "FLOAT32" for index in weights)


def test_a_softmax_inside_the_network_does_not_end_the_trunk() -> None:
    def attention(luma: Any) -> Any:
        x = trunk(luma)
        x = x * ops.softmax(layers.Conv2D(8, 1)(x))
        return layers.Conv2D(2, 3, padding="same")(layers.Conv2D(8, 3, padding="same")(x))

    graph = Graph(float_file(attention))
    names = [node.operator for node in graph.nodes]
    kept = {node.operator for node in graph.nodes if node.outputs[0] in float_edges(graph)}
    assert names.count("CONV_2D") == 5
    assert "SOFTMAX" in kept and "CONV_2D" not in kept


def test_biases_of_int16_files_are_what_kernels_read() -> None:
    graph = Graph(quantize(float_file(u_net), samples(), "int16"))
    convolutions = [node for node in graph.nodes if node.operator == "CONV_2D"]
    assert {graph.dtype(node.inputs[2]) for node in convolutions} == {"INT64"}
    for index in range(len(graph.tensors)):
        if graph.dtype(index) == "INT16":
            assert not np.any(graph.tensors[index].quantization.zeroPoint)


def test_a_range_does_not_span_what_the_relu_cuts_off() -> None:
    from tensorflow.lite.python.optimize.calibrator import Calibrator, add_intermediate_tensors

    calibrator = Calibrator(add_intermediate_tensors(float_file(u_net)))
    graph = Graph(calibrator.calibrate(lambda: ([one["luma"]] for one in samples())))
    joined = next(node for node in graph.nodes if node.operator == "CONCATENATION")
    low = graph.tensors[joined.outputs[0]].quantization.min[0]
    skip = min(graph.tensors[i].quantization.min[0] for i in joined.inputs if len(graph.users[i]) > 1)
    assert low < -8 and skip > -6  # else this test would prove nothing
    drop_what_relu_drops(graph)
    assert graph.tensors[joined.outputs[0]].quantization.min[0] == pytest.approx(skip)


def test_last_biases_are_shifted_until_the_mean_is_right() -> None:
    floating = float_file(u_net)
    quantized = quantize(floating, samples(), "int8")
    graph = Graph(quantized)
    last = [node for node in graph.nodes if node.operator == "TRANSPOSE_CONV"][-1]
    bias, scale = last.inputs[3], graph.tensors[last.inputs[3]].quantization.scale
    graph.replace_constant(bias, (graph.values(bias, np.int32) + np.rint(0.05 / scale)).astype(np.int32), "INT32")
    tinted = graph.pack()
    corrected = correct_last_biases(tinted, floating, samples())

    def tint(content: bytes) -> float:
        return float(np.abs(np.mean([run(content, one) - run(floating, one) for one in samples()], (0, 1, 2, 3))).max())

    assert tint(tinted) > 2.0
    assert tint(corrected) < 0.1
