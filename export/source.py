"""A run as the graph that an exported file holds: CIE L in, ab in Lab units out, whatever network is inside.

A network that translates has RGB at both ends.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from colorize_tf.errors import InputError
from colorize_tf.models.blocks import InstanceNorm
from colorize_tf.models.weights import set_weights
from colorize_tf.predict import Run
from colorize_tf.translate import through

from .recipes import Recipe
from .scenes import Intake

__all__ = ["INPUTS", "Source", "Task", "open_source_graph", "refuse_what_breaks"]

# What a file may take, with its channels; vivid is a single number.
INPUTS = {"luma": 1, "hints": 3, "vivid": 0, "rgb": 3}
SIGNATURE = "serving_default"  # the key that hosts look for first


@dataclass(frozen=True)
class Task:
    """What a file is to do: give ab for L, or translate pictures of set A into set B, or `back`, or of a class."""

    translates: bool = False
    back: bool = False
    domain: int | None = None

    @property
    def output(self) -> str:
        """The name of what comes out."""
        return "translated" if self.translates else "ab"

    def function(self, model: keras.Model, name: str) -> Callable[..., Any]:
        """A network and its name -> the function that does it, its arguments named as in `INPUTS`."""
        if self.translates:
            return through(model, name, back=self.back, domain=self.domain)
        if not hasattr(model, "colorize"):
            raise InputError("RUN", "must hold a network that gives ab for L", name)
        return model.colorize


@dataclass(frozen=True)
class Source:
    """A network ready to be exported, and its graph for the sizes it is to take."""

    run: Run
    model: keras.Model
    intake: Intake
    endpoint: Any
    task: Task = Task()

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Inputs by name (see `INPUTS`), float32 -> what Keras computes: ab float32 [1,h,w,2] in Lab units, or RGB."""
        answer: np.ndarray = self.endpoint(*(inputs[name] for name in self.intake.inputs))[self.task.output].numpy()
        return answer

    def copy(self) -> Source:
        """The same with weights of its own."""
        model = type(self.model).from_config(self.model.get_config())
        set_weights(model, self.model.get_weights())
        if self.intake.size != (self.model.size, self.model.size):
            _free_size(model)
        return replace(self, model=model, endpoint=_endpoint(model, self.intake, self.task))

    def networks(self) -> dict[str, keras.Model]:
        """The attributes of the model that are networks of layers and take part in the answer."""
        taking_part = {id(variable) for variable in self.endpoint.get_concrete_function().variables}
        return {
            name: network
            for name, network in vars(self.model).items()
            if isinstance(network, keras.Model)
            and _maps_pictures(network)
            and any(id(weight.value) in taking_part for weight in network.weights)
        }

    def save(self, folder: Path) -> None:
        """Writes a SavedModel with frozen shapes; Keras' own archive is the only way whose variables convert."""
        archive = keras.export.ExportArchive()
        archive.track(self.model)
        archive.add_endpoint(SIGNATURE, self.endpoint)
        archive.write_out(str(folder), verbose=False)


def open_source_graph(run: Run, size: tuple[int, int] | None, *, free: bool = False, task: Task = Task()) -> Source:
    """A run -> its network for pictures of `size`, else of the size it was trained on; `free` for any size."""
    model = _without_noise(run.model)
    taken = inspect.signature(task.function(model, run.config.model.name)).parameters
    trained = int(model.size)
    multiple = int(getattr(model, "multiple", trained))
    if size is not None and any(length < multiple or length % multiple for length in size):
        given = f"{size[0]}x{size[1]}"
        raise InputError("--size", f"must be multiples of {multiple} for {run.config.model.name}", given)
    if free or (size is not None and size != (trained, trained)):
        _free_size(model)
    inputs = tuple(name for name in INPUTS if name in taken)
    short = int(getattr(model, "short_side", trained))  # a network for any size may see more than it learnt on
    intake = Intake(None if free else size or (trained, trained), multiple, short, inputs)
    source = Source(run, model, intake, _endpoint(model, intake, task), task)
    _refuse_state(source)
    return source


def refuse_what_breaks(source: Source, recipe: Recipe) -> None:
    """Raises an InputError for a network that 8-bit activations are known to ruin, or that cannot be fine-tuned."""
    if recipe.activations != "int8":
        return
    if recipe.fine_tuned and source.task.translates:
        raise InputError("--recipe", "tunes networks that colorize", recipe.name, "Take static_wi8_ai8.")
    networks = source.networks().values()
    found = [layer.name for network in networks for layer in network.layers if isinstance(layer, InstanceNorm)]
    if found:
        raise InputError(
            "--recipe", "cannot hold instance normalisation: its means and squares, taken anew from every picture, "
            "need more than 8 bits (4 dB of signal to noise were left when measured)", f"{recipe.name}, {found[0]}",
            "Take dynamic_wi8" + (", or train with --norm batch." if hasattr(source.model, "norm") else "."),
        )  # fmt: skip


def _endpoint(model: keras.Model, intake: Intake, task: Task) -> Any:
    function = task.function(model, model.name)
    height, width = intake.size or (None, None)
    shapes = {name: (1, height, width, channels) if channels else (1,) for name, channels in INPUTS.items()}
    signature = [tf.TensorSpec(shapes[name], tf.float32, name=name) for name in intake.inputs]

    @tf.function(input_signature=signature, autograph=False)
    def endpoint(*values: tf.Tensor) -> dict[str, tf.Tensor]:
        answer = function(**dict(zip(intake.inputs, values, strict=True)))
        return {task.output: tf.identity(answer, name=task.output)}

    endpoint.get_concrete_function()
    return endpoint


def _refuse_state(source: Source) -> None:
    """Raises an InputError if running the graph changes the network, as batch norm in training mode does."""
    graph = source.endpoint.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    changing = [node.name for node in nodes if node.op.startswith("Assign") and node.op.endswith("VariableOp")]
    if not changing:
        return
    layers = source.model._flatten_layers()
    norms = [layer.name for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    guilty = next((name for name in norms if any(re.search(rf"\b{name}(_\d+)?/", node) for node in changing)), None)
    if guilty:
        raise InputError(
            "RUN", "has batch norm in training mode: its colours would depend on the one photo it sees, and turn to "
            "NaN or black", f"{source.run.config.model.name}, {guilty}", "Its colorize must call with training=False.",
        )  # fmt: skip
    raise InputError("RUN", "must not change while it colorizes", f"{source.run.config.model.name}, {changing[0]}")


def _without_noise(model: keras.Model) -> keras.Model:
    """The same network without dropout at inference: a file has to give one photo the same colours every time."""
    config = model.get_config()
    if config.get("noise", "train") == "train":
        return model
    quiet = type(model).from_config({**config, "noise": "train"})
    set_weights(quiet, model.get_weights())
    return quiet


def _free_size(model: keras.Model) -> None:
    """Lets the networks inside `model` take pictures of any size; layers and weights stay the same ones."""
    for name, network in list(vars(model).items()):
        if isinstance(network, keras.Model) and _maps_pictures(network):
            free = [
                keras.Input((None, None, end.shape[-1]) if _is_picture(end) else end.shape[1:], name=end.name)
                for end in network.inputs
            ]
            given = free if len(free) > 1 else free[0]
            setattr(model, name, keras.models.clone_model(network, given, clone_function=_sizeless))


def _maps_pictures(network: keras.Model) -> bool:
    """Whether it is a graph of layers that takes [B,H,W,C] and gives [B,h,w,c], whatever else it takes and gives."""
    inputs, outputs = (getattr(network, ends, None) or () for ends in ("inputs", "outputs"))
    return any(map(_is_picture, inputs)) and any(map(_is_picture, outputs))


def _is_picture(tensor: Any) -> bool:
    return len(tensor.shape) == 4


def _sizeless(layer: keras.Layer) -> keras.Layer:
    # The converter refuses this one layer where height and width are unknown.
    return (
        Enlarge(layer.size, layer.interpolation, layer.name) if isinstance(layer, keras.layers.UpSampling2D) else layer
    )


class Enlarge(keras.layers.Layer):
    """[B,H,W,C] -> [B,nH,mW,C] as `UpSampling2D` does it, for unknown height and width."""

    def __init__(self, factors: tuple[int, int], interpolation: str, name: str) -> None:
        super().__init__(name=name)
        self.factors, self.interpolation = factors, interpolation

    def call(self, inputs: Any) -> Any:
        size = tf.shape(inputs)[1:3] * tf.constant(self.factors)
        return tf.cast(tf.image.resize(inputs, size, method=self.interpolation), inputs.dtype)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        grown = (None if n is None else n * f for n, f in zip(shape[1:3], self.factors, strict=True))
        return (shape[0], *grown, shape[3])
