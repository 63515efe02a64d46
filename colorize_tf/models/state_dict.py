"""Weights files of other frameworks as NumPy arrays by name: safetensors, npz, and PyTorch's .pth without PyTorch.

A .pth is a pickle, which may run any code where it is read. Here nothing but tensors can come out of it: whatever
else it asks for is refused before it is even looked up.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from colorize_tf.errors import InputError, shorten

__all__ = ["check_hash", "read_arrays", "take"]

Array = NDArray[Any]

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # PyTorch's, before it wrote zip files
_SAFE_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "bf16", "I64": "<i8", "I32": "<i4", "U8": "u1"}
_STORAGES = {"DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "BFloat16Storage": "bf16",
             "LongStorage": "<i8", "IntStorage": "<i4", "ByteStorage": "u1"}  # fmt: skip


def read_arrays(path: str | Path) -> dict[str, Array]:
    """A .safetensors, .npz, .pth or .pt file -> its arrays by name; half precision becomes float32."""
    path = Path(path)
    readers: dict[str, Callable[[Path], Mapping[str, Array]]] = {
        ".safetensors": _safetensors, ".npz": _npz, ".pth": _torch, ".pt": _torch,
    }  # fmt: skip
    if path.suffix not in readers:
        raise InputError("weights", f"must be a file of {', '.join(readers)}", str(path))
    if not path.is_file():
        raise InputError("weights", "must be a file that exists", str(path))
    try:
        arrays = readers[path.suffix](path)
    except _Refused as error:
        raise InputError("weights", "may hold tensors and nothing else", f"{path}, which asks for {error}") from None
    except Exception as error:  # what damaged bytes do to four readers is not worth telling apart
        reason = shorten(str(error) or type(error).__name__, 100)
        raise InputError("weights", "cannot be read", f"{path} ({reason})") from None
    if strange := [name for name, value in arrays.items() if value.dtype.kind not in "fiub"]:
        raise InputError("weights", "must be numbers", f"{strange[0]} of {arrays[strange[0]].dtype} in {path}")
    return {name: value.astype(np.float32) if value.dtype == np.float16 else value for name, value in arrays.items()}


def check_hash(path: str | Path, sha256: str) -> None:
    """Raises an InputError unless the SHA-256 of the file begins with `sha256`."""
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(sha256.lower()):
        raise InputError("weights", f"must have the SHA-256 {sha256}", f"{found} for {path}", "Get the file again.")


def take(arrays: dict[str, Array], name: str, shape: tuple[int, ...], source: str | Path) -> Array:
    """Removes the array `name` from `arrays` and gives it back; a missing one or another shape is an InputError."""
    if name not in arrays:
        some = ", ".join(sorted(arrays)[:4])
        raise InputError("weights", f"must hold {name} {shape}", f"{source}, which has not; left in it: {some}")
    if arrays[name].shape != shape:
        raise InputError("weights", f"must hold {name} {shape}", f"{arrays[name].shape} in {source}")
    return arrays.pop(name)


def _npz(path: Path) -> dict[str, Array]:
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _safetensors(path: Path) -> dict[str, Array]:
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    if 8 + length > len(content):
        raise ValueError("its header is cut off")
    header = json.loads(content[8 : 8 + length], object_pairs_hook=_each_once)
    header.pop("__metadata__", None)
    numbers = memoryview(content)[8 + length :]
    arrays, reached = {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        if begin != reached or not begin <= end <= len(numbers):
            raise ValueError(f"{name} does not begin where the one before it ends")
        reached = end
        values, shape = _numbers(numbers[begin:end], _SAFE_TYPES[entry["dtype"]]), tuple(entry["shape"])
        if min(shape, default=0) < 0 or math.prod(shape) != values.size:
            raise ValueError(f"{name} has the shape {shape}, and {values.size} numbers")
        arrays[name] = values.reshape(shape)
    if reached != len(numbers):
        raise ValueError(f"{len(numbers) - reached} bytes belong to no array")
    return arrays


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object -> a dict, if none of its names is there twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found


def _numbers(content: bytes | memoryview, kind: str) -> Array:
    if kind != "bf16":
        return np.frombuffer(content, kind)
    return (np.frombuffer(content, "<u2").astype("<u4") << 16).view("<f4")  # the upper half of a float32


# === PyTorch ===


class _Refused(Exception):
    """Something that is no tensor, by name."""


class _Storage(NamedTuple):
    kind: str
    key: str


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Unpickler(pickle.Unpickler):
    """Gives the structure of a state dict, its tensors not yet filled with numbers."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: _Tensor(storage, offset, tuple(shape), tuple(strides))
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise _Refused(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        kind, storage, key, *_ = pid
        if kind != "storage":
            raise _Refused(str(kind))
        return _Storage(storage, str(key))


def _torch(path: Path) -> dict[str, Array]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise ValueError("it is compressed, as PyTorch writes none")  # and may be a thousand times as large
            (pickled,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
            folder = pickled.removesuffix("data.pkl")
            return _filled(
                _Unpickler(io.BytesIO(archive.read(pickled))).load(),
                lambda storage: _numbers(archive.read(f"{folder}data/{storage.key}"), storage.kind),
            )
    with open(path, "rb") as file:
        return _legacy(file)


def _legacy(file: BinaryIO) -> dict[str, Array]:
    if _Unpickler(file).load() != _LEGACY_MAGIC:
        raise _Refused("a pickle that PyTorch has not written")
    for _ in ("version of the protocol", "the machine that wrote it"):
        _Unpickler(file).load()
    found = _Unpickler(file).load()
    keys = _Unpickler(file).load()
    kinds = {tensor.storage.key: tensor.storage.kind for tensor in _tensors(found).values()}
    storages = {}
    for key in keys:
        (count,) = struct.unpack("<q", file.read(8))
        kind = kinds[key]
        storages[key] = _numbers(file.read(count * (2 if kind == "bf16" else np.dtype(kind).itemsize)), kind)
    return _filled(found, lambda storage: storages[storage.key])


def _tensors(found: Any) -> dict[str, _Tensor]:
    """The tensors of a state dict, or of the one inside a checkpoint, by name."""
    if not isinstance(found, dict):
        raise _Refused(f"a {type(found).__name__} at its top")
    if isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if strange := [name for name, value in found.items() if not isinstance(value, _Tensor)]:
        raise ValueError(f"{shorten(str(strange[0]), 40)} in it is no tensor")
    return {str(name): value for name, value in found.items()}


def _filled(found: Any, read: Callable[[_Storage], Array]) -> dict[str, Array]:
    arrays = {}
    for name, tensor in _tensors(found).items():
        numbers = read(tensor.storage)
        last = tensor.offset + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True))
        if math.prod(tensor.shape) == 0 or min((tensor.offset, *tensor.shape, *tensor.strides)) < 0:
            raise ValueError(f"{name} has the shape {tensor.shape}")
        if last >= numbers.size:  # or the strides below would read memory that is not the file's
            raise ValueError(f"{name} reaches beyond its storage")
        if math.prod(tensor.shape) > numbers.size:  # one number a billion times over is a bomb, no weight
            raise ValueError(f"{name} is larger than its storage")
        strides = [step * numbers.itemsize for step in tensor.strides]
        arrays[name] = np.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.shape, strides).copy()
    return arrays
