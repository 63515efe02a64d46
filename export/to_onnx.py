"""A float32 TFLite file as ONNX, for ONNX Runtime and its browser and phone hosts.

tf2onnx translates the very graph that was checked as TFLite, with its frozen weights, folded norms and named ends, so
both formats give the same colours. Quantized files are better made by ONNX Runtime's own quantizer.
"""

from __future__ import annotations

import hashlib
import importlib.util
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

from colorize_tf.atomic import write_bytes, write_text
from colorize_tf.edge.card import METADATA, UNSIGNED, Card, sidecar
from colorize_tf.errors import InputError

from .recipes import Recipe

__all__ = ["OPSET", "refuse_what_onnx_lacks", "to_onnx", "write_onnx"]

OPSET = 18  # the newest that tf2onnx writes; ONNX Runtime has read it since 1.14


def refuse_what_onnx_lacks(recipe: Recipe) -> None:
    """Raises an InputError for a recipe that has no ONNX form here, or where the converter is not installed."""
    if recipe.name != "float32":
        remedy = "Export float32 and quantize it with onnxruntime.quantization."
        raise InputError("--recipe", "must be float32 for --format onnx", recipe.name, remedy)
    if missing := [name for name in ("tf2onnx", "onnx", "onnxruntime") if importlib.util.find_spec(name) is None]:
        remedy = "Install it: pip install 'colorize-tf[onnx]'"
        raise InputError("--format", f"needs {', '.join(missing)}", "onnx", remedy)


def to_onnx(content: bytes, card: Card) -> bytes:
    """float32 TFLite file -> ONNX file with the same ends, and the card in its metadata."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it opens the file with an interpreter that announces its end
        import onnx
        import tf2onnx

        path = Path(folder, "model.tflite")
        path.write_bytes(content)
        model, _ = tf2onnx.convert.from_tflite(str(path), opset=OPSET)
    onnx.checker.check_model(model)
    model.graph.name = f"colorize_tf {card.name}"
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA, replace(card, sha256=UNSIGNED).text()
    # As in a TFLite file, the checksum is that of the file in which its digits are zeros.
    unsigned = bytes(model.SerializeToString(deterministic=True))
    entry.value = replace(card, sha256=hashlib.sha256(unsigned).hexdigest()).text()
    return bytes(model.SerializeToString(deterministic=True))


def write_onnx(path: Path, content: bytes, card: Card) -> None:
    """Writes a float32 TFLite file as ONNX with its card in it, and the card beside it."""
    import onnx

    whole = to_onnx(content, card)
    write_bytes(path, whole)
    properties = {entry.key: entry.value for entry in onnx.load_from_string(whole).metadata_props}
    write_text(sidecar(path), properties[METADATA])
