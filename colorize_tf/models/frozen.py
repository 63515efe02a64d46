"""A network's weights from the TFLite file that was made of it, so that training can go on where it was exported.

Conversion folds each batch norm into the convolution before it. The norm comes back as one that changes nothing but by
its bias; `measure_norms` then gives it statistics of real photos again, without which it could not be trained.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from keras import layers, ops

from colorize_tf.edge.card import read_model
from colorize_tf.errors import InputError

__all__ = ["Frozen", "measure_norms"]

Tensor = Any
Array = np.ndarray[Any, Any]

# Each operator that has weights, and from its kernel's layout to that of Keras.
KERNELS = {
    schema.BuiltinOperator.CONV_2D: lambda kernel: kernel.transpose(1, 2, 3, 0),
    schema.BuiltinOperator.DEPTHWISE_CONV_2D: lambda kernel: kernel[0, ..., None],
    schema.BuiltinOperator.FULLY_CONNECTED: lambda kernel: kernel.T,
}
FLOATS = {schema.TensorType.FLOAT32: np.float32, schema.TensorType.FLOAT16: np.float16}
SLIGHT = 1e-6  # a bias that a layer without one may have


class _Weights(NamedTuple):
    kernel: Array
    bias: Array


class Frozen:
    """A float32 or float16 TFLite file, taken apart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._model = schema.ModelT.InitFromPackedBuf(read_model(path)[0], 0)
        self._codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in self._model.operatorCodes]
        self._graph = self._model.subgraphs[0]
        self._names = [tensor.name.decode() for tensor in self._graph.tensors]
        # float16 is turned into float32 by an operator of its own
        self._halves = {
            int(operator.outputs[0]): int(operator.inputs[0])
            for operator in self._graph.operators
            if self._codes[operator.opcodeIndex] == schema.BuiltinOperator.DEQUANTIZE
        }

    def give(self, network: keras.Model) -> None:
        """Sets all weights of `network`."""
        norms = {_before(norm): norm for norm in _norms(network)}
        weighted = [layer for layer in network.layers if layer.weights and layer not in norms.values()]
        stored = dict(self._layers({layer.name for layer in weighted}))
        for layer in weighted:
            if not hasattr(layer, "kernel"):
                layer.set_weights([self.variable(tuple(weight.shape), layer.name) for weight in layer.weights])
                continue
            kernel, bias = stored.get(layer.name, (np.zeros(0), np.zeros(0)))
            if kernel.shape != tuple(layer.kernel.shape):
                found = str(kernel.shape) if kernel.size else "missing"
                raise self._other(f"{layer.name} is {found} in place of {tuple(layer.kernel.shape)}")
            norm = norms.get(layer.name)
            if norm:
                # gamma, beta, mean and variance
                norm.set_weights([np.ones_like(bias), bias, np.zeros_like(bias), np.full_like(bias, 1 - norm.epsilon)])
            elif not layer.use_bias and np.abs(bias).max() > SLIGHT:
                raise self._other(f"{layer.name} has a bias")
            layer.set_weights([kernel, bias] if layer.use_bias else [kernel])

    def variable(self, shape: tuple[int, ...], layer: str = "") -> Array:
        """A weight that is no kernel or bias: the only one of this shape, in this layer if one is named."""
        part = rf"(^|/){layer}(_\d+)?/" if layer else ""
        found = [
            index
            for index, (name, tensor) in enumerate(zip(self._names, self._graph.tensors, strict=True))
            if name.endswith("/ReadVariableOp") and re.search(part, name) and tuple(tensor.shape) == shape
        ]
        if len(found) != 1:
            raise self._other(f"{layer or 'the network'} has {len(found)} weights of shape {shape}")
        return self._constant(found[0])

    def _layers(self, names: set[str]) -> Iterator[tuple[str, _Weights]]:
        for operator in self._graph.operators:
            code = self._codes[operator.opcodeIndex]
            if code in KERNELS:
                kernel, bias = (int(index) for index in operator.inputs[1:3])
                if name := _layer(self._names[kernel], names):
                    yield name, _Weights(KERNELS[code](self._constant(kernel)), self._constant(bias))

    def _constant(self, index: int) -> Array:
        tensor = self._graph.tensors[self._halves.get(index, index)]
        if tensor.type not in FLOATS:
            rule = "must be a float32 or float16 file: what was rounded to 8 bits is lost"
            raise InputError("--init-from", rule, str(self._path), "Take its twin, such as mobile-float16.tflite.")
        values = np.frombuffer(bytes(self._model.buffers[tensor.buffer].data), FLOATS[tensor.type])
        return values.reshape(tensor.shape).astype(np.float32)

    def _other(self, found: str) -> InputError:
        return InputError("--init-from", "must be a file of this architecture", f"{self._path}, in which {found}")


def measure_norms(network: keras.Model, batches: Iterable[Array]) -> None:
    """Gives the batch norms the mean and variance that their inputs have over `batches`; what they compute stays."""
    norms = _norms(network)
    entering = keras.Model(network.input, [norm.input for norm in norms])
    sums = [np.zeros((2, norm.gamma.shape[0])) for norm in norms]
    count = 0
    for batch in batches:
        for total, x in zip(sums, entering(batch, training=False), strict=True):
            x = ops.cast(x, "float32")
            total += len(batch) * np.stack([ops.convert_to_numpy(ops.mean(p, axis=(0, 1, 2))) for p in (x, x * x)])
        count += len(batch)
    for norm, total in zip(norms, sums, strict=True):
        gamma, beta, old_mean, old_variance = (np.asarray(weight, np.float64) for weight in norm.get_weights())
        slope = gamma / np.sqrt(old_variance + norm.epsilon)
        mean, square = total / count
        variance = np.maximum(square - mean**2, 0)
        norm.set_weights([slope * np.sqrt(variance + norm.epsilon), beta + slope * (mean - old_mean), mean, variance])


def _norms(network: keras.Model) -> list[layers.BatchNormalization]:
    return [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)]


def _before(layer: keras.Layer) -> str:
    """The name of the layer whose output this one takes."""
    return str(layer.input._keras_history.operation.name)


def _layer(tensor: str, names: set[str]) -> str | None:
    """ "averaged_1/conv_dw_2_1/depthwise" -> "conv_dw_2", for a number is added to a layer that is used again."""
    for part in re.split("[/;]", tensor):
        for name in (part, re.sub(r"_\d+$", "", part)):
            if name in names:
                return name
    return None
