"""The weights of a .caffemodel: Caffe's protocol buffer, of which only names and blobs are read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colorize_tf.errors import InputError, shorten

__all__ = ["read_caffemodel"]

Array = NDArray[Any]

# message: {field: (number, kind)}, as in Caffe's caffe.proto; a kind in capitals is another message here.
_SCHEMA: dict[str, dict[str, tuple[int, str]]] = {
    "SHAPE": {"dim": (1, "int64")},
    "BLOB": {"num": (1, "int32"), "channels": (2, "int32"), "height": (3, "int32"), "width": (4, "int32"),
             "data": (5, "float"), "shape": (7, "SHAPE"), "double_data": (8, "double")},
    "LAYER": {"name": (1, "string"), "type": (2, "string"), "blobs": (7, "BLOB")},
    "NET": {"name": (1, "string"), "layers": (2, "bytes"), "layer": (100, "LAYER")},
}  # fmt: skip
_REPEATED = {"dim", "data", "double_data", "blobs", "layer", "layers"}
_PACKED = {"dim", "data", "double_data"}


def read_caffemodel(path: str | Path) -> dict[str, list[Array]]:
    """A .caffemodel -> the blobs of each layer that has some, by the layer's name."""
    path = Path(path)
    if not path.is_file():
        raise InputError("weights", "must be a file that exists", str(path))
    net = _message("NET")()
    try:
        net.ParseFromString(path.read_bytes())
        layers = {layer.name: [_array(blob) for blob in layer.blobs] for layer in net.layer if layer.blobs}
    except Exception as error:  # protobuf's DecodeError, or shapes that do not fit
        raise InputError("weights", "must be a .caffemodel", f"{path} ({shorten(str(error), 100)})") from None
    counts = Counter(layer.name for layer in net.layer if layer.blobs)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise InputError("weights", "must hold each layer once", f"{path}, which holds {twice[0]} twice")
    if not layers:
        old = " in the format before 2014, which Caffe's upgrade_net_proto_binary converts" if net.layers else ""
        raise InputError("weights", "must hold layers with weights", f"{path}, which holds none{old}")
    return layers


def _array(blob: Any) -> Array:
    shape = list(blob.shape.dim) if blob.HasField("shape") else [blob.num, blob.channels, blob.height, blob.width]
    return np.array(blob.data or blob.double_data, np.float32).reshape(shape)


def _message(name: str) -> Any:
    """The class of one message of `_SCHEMA`."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="colorize_tf/caffe.proto", package="colorize_tf.caffe")
    for message, fields in _SCHEMA.items():
        made = file.message_type.add(name=message)
        for field, (number, kind) in fields.items():
            label = kinds.LABEL_REPEATED if field in _REPEATED else kinds.LABEL_OPTIONAL
            entry = made.field.add(name=field, number=number, label=label)
            if kind.isupper():
                entry.type, entry.type_name = kinds.TYPE_MESSAGE, f".colorize_tf.caffe.{kind}"
            else:
                entry.type = getattr(kinds, f"TYPE_{kind.upper()}")
            entry.options.packed = field in _PACKED
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"colorize_tf.caffe.{name}"))
