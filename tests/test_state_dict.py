"""Weights files of other frameworks: every format gives the same arrays, and a hostile one nothing at all."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from colorize_tf.errors import InputError
from colorize_tf.models.state_dict import read_arrays

VALUES = {
    "a.weight": np.arange(24, dtype="float32").reshape(2, 3, 2, 2),
    "a.num_batches_tracked": np.array(3),
    "b": np.array([0.5, -2.0], "float32"),
}


class Torch:
    """What PyTorch writes, without PyTorch: its pickles name functions and storage types, which need only be names."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        modules = {name: types.ModuleType(name) for name in ("torch", "torch._utils")}
        self.kinds = {kind: self._named(modules["torch"], kind) for kind in ("FloatStorage", "LongStorage")}
        self.rebuild = self._named(modules["torch._utils"], "_rebuild_tensor_v2")
        for name, module in modules.items():
            monkeypatch.setitem(sys.modules, name, module)

    @staticmethod
    def _named(module: types.ModuleType, name: str) -> type:
        made = type(name, (), {"__module__": module.__name__})
        setattr(module, name, made)
        return made

    def pickled(self, values: dict[str, np.ndarray], *, strides: tuple[int, ...] | None = None) -> bytes:
        torch = self

        class Storage:
            def __init__(self, key: str, value: np.ndarray) -> None:
                self.key, self.count = key, value.size
                self.kind = "FloatStorage" if value.dtype == "float32" else "LongStorage"

        class Tensor:
            def __init__(self, key: str, value: np.ndarray) -> None:
                self.storage, self.value = Storage(key, value), value

            def __reduce__(self) -> tuple[Any, ...]:
                steps = strides or tuple(step // self.value.itemsize for step in self.value.strides)
                return torch.rebuild, (self.storage, 0, self.value.shape, steps, False, OrderedDict())

        class Pickler(pickle.Pickler):
            def persistent_id(self, obj: Any) -> Any:
                known = isinstance(obj, Storage)
                return ("storage", torch.kinds[obj.kind], obj.key, "cpu", obj.count) if known else None

        buffer = io.BytesIO()
        found = OrderedDict((name, Tensor(str(i), value)) for i, (name, value) in enumerate(values.items()))
        found._metadata = {"version": 1}  # as PyTorch hangs it on
        Pickler(buffer, protocol=2).dump(found)
        return buffer.getvalue()

    def zipped(self, path: Path, values: dict[str, np.ndarray], **options: Any) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", self.pickled(values, **options))
            for i, value in enumerate(values.values()):
                archive.writestr(f"archive/data/{i}", value.tobytes())

    def legacy(self, path: Path, values: dict[str, np.ndarray]) -> None:
        head = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}]
        content = b"".join(pickle.dumps(item, protocol=2) for item in head) + self.pickled(values)
        content += pickle.dumps([str(i) for i in range(len(values))], protocol=2)
        for value in values.values():
            content += struct.pack("<q", value.size) + value.tobytes()
        path.write_bytes(content)


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Torch:
    return Torch(monkeypatch)


def safetensors(path: Path, values: dict[str, np.ndarray]) -> None:
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, value in values.items():
        kind = {"float32": "F32", "int64": "I64", "float16": "F16"}[str(value.dtype)]
        span = [offset, offset := offset + value.nbytes]
        header[name] = {"dtype": kind, "shape": list(value.shape), "data_offsets": span}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(value.tobytes() for value in values.values()))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".pth", ".pt"])
def test_every_format_gives_the_same_arrays(suffix: str, torch: Torch, tmp_path: Path):
    path = tmp_path / f"w{suffix}"
    if suffix == ".npz":
        np.savez(path, **VALUES)
    else:
        {".safetensors": safetensors, ".pth": torch.zipped, ".pt": torch.legacy}[suffix](path, VALUES)
    found = read_arrays(path)
    assert found.keys() == VALUES.keys()
    for name, value in VALUES.items():
        np.testing.assert_array_equal(found[name], value)
        assert found[name].dtype == value.dtype


def test_tensors_may_share_a_storage_in_another_order(torch: Torch, tmp_path: Path):
    torch.zipped(tmp_path / "w.pth", {"a": VALUES["a.weight"].reshape(2, 12)}, strides=(1, 2))
    expected = VALUES["a.weight"].reshape(-1)[:24].reshape(12, 2).T
    np.testing.assert_array_equal(read_arrays(tmp_path / "w.pth")["a"], expected)


def test_half_precision_becomes_float32(tmp_path: Path):
    safetensors(tmp_path / "w.safetensors", {"a": np.array([0.5, 1.5], "float16")})
    found = read_arrays(tmp_path / "w.safetensors")["a"]
    assert found.dtype == np.float32 and found.tolist() == [0.5, 1.5]


class Hostile:
    """Unpickled by Python itself, it would leave a file behind."""

    def __init__(self, path: Path, call: Callable[..., Any] = os.system) -> None:
        self.path, self.call = path, call

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call, (f"touch {self.path}",)


@pytest.mark.parametrize("kind", ["zip", "legacy", "bare"])
def test_a_hostile_pickle_is_refused_and_does_nothing(kind: str, tmp_path: Path):
    path, trace = tmp_path / "w.pth", tmp_path / "trace"
    content = pickle.dumps({"a": Hostile(trace)}, protocol=2)
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", content)
    elif kind == "legacy":
        head = [0x1950A86A20F9469CFC6C, 1001, {}]
        path.write_bytes(b"".join(pickle.dumps(item, protocol=2) for item in head) + content)
    else:
        path.write_bytes(content)
    with pytest.raises(
        InputError, match=r"weights: may hold tensors and nothing else\. .* asks for posix\.system"
    ) as said:
        read_arrays(path)
    assert not trace.exists() and "\n" not in str(said.value)
    pickle.loads(content)  # what the same bytes do elsewhere
    assert trace.exists()


def test_functions_of_pytorch_other_than_tensors_are_refused(torch: Torch, tmp_path: Path):
    torch._named(sys.modules["torch"], "load")
    path = tmp_path / "w.pt"
    path.write_bytes(pickle.dumps({"a": sys.modules["torch"].load()}, protocol=2))
    with pytest.raises(InputError, match=r"asks for (torch\.load|copyreg\._reconstructor|copy_reg\._reconstructor)"):
        read_arrays(path)


def test_a_tensor_that_reaches_beyond_its_numbers_is_refused(torch: Torch, tmp_path: Path):
    torch.zipped(tmp_path / "w.pth", {"a": np.ones((2, 12), "float32")}, strides=(1000, 1))
    with pytest.raises(InputError, match="a reaches beyond its storage"):
        read_arrays(tmp_path / "w.pth")


def test_a_tensor_that_repeats_its_numbers_is_refused(torch: Torch, tmp_path: Path):
    few = np.ones(12, "float32")
    vast = np.lib.stride_tricks.as_strided(few, (200_000, 200_000), (0, 0))  # 160 GB out of 48 bytes
    with zipfile.ZipFile(tmp_path / "w.pth", "w") as archive:
        archive.writestr("archive/data.pkl", torch.pickled({"a": vast}))
        archive.writestr("archive/data/0", few.tobytes())
    with pytest.raises(InputError, match="a is larger than its storage"):
        read_arrays(tmp_path / "w.pth")


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".pth"])
@pytest.mark.parametrize("content", [b"", b"no weights", b"\x80\x02}q\x00."])
def test_damaged_files_are_one_line(suffix: str, content: bytes, tmp_path: Path):
    (tmp_path / f"w{suffix}").write_bytes(content)
    with pytest.raises(InputError, match=r"^weights: ") as caught:
        read_arrays(tmp_path / f"w{suffix}")
    assert "\n" not in str(caught.value)


def _safe(*entries: tuple[str, list[int], list[int]], size: int = 16, length: int | None = None) -> bytes:
    """Names, shapes and spans, of so many bytes of numbers -> a .safetensors file."""
    told = (f'"{name}": {{"dtype": "F32", "shape": {shape}, "data_offsets": {span}}}' for name, shape, span in entries)
    header = f"{{{', '.join(told)}}}".encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + bytes(size)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (_safe(("a", [4], [0, 1600])), "a does not begin where the one before it ends"),
        (_safe(("a", [4], [-16, 16])), "a does not begin where"),
        (_safe(("a", [4], [0, 16]), ("b", [4], [0, 16])), "b does not begin where"),
        (_safe(("a", [2], [0, 8]), ("b", [1], [12, 16])), "b does not begin where"),
        (_safe(("a", [2], [0, 8])), "8 bytes belong to no array"),
        (_safe(("a", [-1], [0, 16])), r"a has the shape \(-1,\), and 4 numbers"),
        (_safe(("a", [2], [0, 8]), ("a", [2], [8, 16])), "a name is there twice"),
        (_safe(("a", [4], [0, 16]), length=1 << 62), "its header is cut off"),
    ],
)
def test_safetensors_in_which_arrays_are_not_where_they_are_said_to_be(content: bytes, said: str, tmp_path: Path):
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=f"^weights: cannot be read.*{said}"):
        read_arrays(tmp_path / "w.safetensors")


@pytest.mark.parametrize("value", [np.array(["x"]), np.ones(2, complex)])
def test_what_is_no_number_is_no_weight(value: np.ndarray, tmp_path: Path):
    np.savez(tmp_path / "w.npz", a=value)
    with pytest.raises(InputError, match=r"weights: must be numbers\. Received: a of "):
        read_arrays(tmp_path / "w.npz")


def test_what_is_no_tensor_is_not_passed_over(torch: Torch, tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "w.pth", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a.weight": 3.0, "model": {}}, protocol=2))
    with pytest.raises(InputError, match=r"weights: cannot be read.*a\.weight in it is no tensor"):
        read_arrays(tmp_path / "w.pth")


def test_a_zip_that_grows_or_holds_two_is_refused(torch: Torch, tmp_path: Path):
    few = {"a": np.zeros(4, "float32")}
    with zipfile.ZipFile(tmp_path / "w.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", torch.pickled(few))
        archive.writestr("archive/data/0", bytes(1 << 20))
    with pytest.raises(InputError, match="it is compressed"):
        read_arrays(tmp_path / "w.pth")
    with zipfile.ZipFile(tmp_path / "w.pth", "w") as archive:
        for folder in ("one", "two"):
            archive.writestr(f"{folder}/data.pkl", torch.pickled(few))
    with pytest.raises(InputError, match="weights: cannot be read"):
        read_arrays(tmp_path / "w.pth")


def test_other_files_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"must be a file of \.safetensors, \.npz, \.pth, \.pt"):
        read_arrays(tmp_path / "w.h5")
    with pytest.raises(InputError, match="must be a file that exists"):
        read_arrays(tmp_path / "w.npz")
