"""The card inside a model file: written once, read everywhere, and it vouches for every byte."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from colorize_tf.edge import flatbuffer
from colorize_tf.edge.card import CONTRACT, METADATA, Card, read_model, sidecar, write_model
from colorize_tf.errors import InputError

MODELS = Path(__file__).parent / "golden" / "models"
TINY = MODELS / "tiny.tflite"


def bare():
    """The test model without its card."""
    content, _ = read_model(TINY)
    length = int.from_bytes(content[16:20], "little")
    return content[length:]


def card(**changes):
    return Card(**{"name": "test", "recipe": "float32", "height": None, "width": None, "ab_scale": 2, **changes})


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "model.tflite"
    written = write_model(
        path, bare(), card(hints=True, metrics={"psnr": 24.2}, runtimes=("ai-edge-litert",), licence="Ä")
    )
    content, found = read_model(path)
    assert found == written
    assert content.endswith(bare())
    assert Card.parse(sidecar(path).read_text()) == written


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.tflite")), ids=lambda path: path.stem)
def test_the_sidecars_of_the_test_models_are_their_cards(path):
    assert Card.parse(sidecar(path).read_text()) == read_model(path)[1]


def test_writing_again_replaces_the_card(tmp_path):
    first, second = tmp_path / "a.tflite", tmp_path / "b.tflite"
    write_model(first, bare(), card(name="old"))
    write_model(second, first.read_bytes(), card(name="new"))
    content, found = read_model(second)
    assert found.name == "new"
    assert content.count(b'"name":') == 1
    assert len(content) == len(first.read_bytes())


def test_other_metadata_survives():
    content = flatbuffer.with_metadata(bare(), "other", b"kept")
    # Without our mark the head is taken for the file's own.
    foreign = content[:8] + b"somebody" + content[16:]
    whole = flatbuffer.with_metadata(foreign, METADATA, b"card")
    assert whole[flatbuffer.metadata(whole, "other")] == b"kept"
    assert whole[flatbuffer.metadata(whole, METADATA)] == b"card"


def test_every_changed_byte_is_noticed(tmp_path):
    content = TINY.read_bytes()
    path = tmp_path / "changed.tflite"
    for place in range(0, len(content), 97):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with pytest.raises(InputError) as caught:
            read_model(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 20, 64, 500, 3000, -1])
def test_a_truncated_file_is_refused(tmp_path, length):
    path = tmp_path / "short.tflite"
    path.write_bytes(TINY.read_bytes()[:length])
    with pytest.raises(InputError):
        read_model(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.tflite", tmp_path):
        with pytest.raises(InputError, match=r"model file|TFLite file"):
            read_model(path)


def test_a_file_without_a_card_is_refused(tmp_path):
    path = tmp_path / "bare.tflite"
    path.write_bytes(bare())
    with pytest.raises(InputError, match="exported by colorize_tf"):
        read_model(path)


def test_a_newer_contract_is_refused_and_says_what_to_do():
    text = json.dumps({**json.loads(card().text()), "contract": CONTRACT + 1})
    with pytest.raises(InputError, match="Install a newer colorize_tf"):
        Card.parse(text, "model.tflite")


def test_unknown_keys_are_ignored():
    assert Card.parse(json.dumps({**json.loads(card().text()), "colour_of_the_cat": "red"})) == card()


@pytest.mark.parametrize(
    "changes",
    [
        {"height": "256"},
        {"height": 256},
        {"height": 256, "width": 256, "fit": "pad"},
        {"height": 0, "width": 0, "fit": "squash"},
        {"height": 10**9, "width": 256, "fit": "squash"},
        {"height": 255, "width": 256, "fit": "squash"},
        {"kind": "sing"},
        {"fit": "crop"},
        {"hints": 1},
        {"ab_scale": True},
        {"ab_scale": 0},
        {"ab_scale": 3},
        {"multiple": -32},
        {"name": None},
        {"metrics": []},
        {"twin": ""},
        {"twin": "."},
        {"twin": "../other.tflite"},
    ],
)
def test_cards_that_make_no_sense_are_refused(changes):
    values = {**json.loads(card().text()), **changes}
    with pytest.raises(InputError, match=r"model\.tflite: card"):
        Card.parse(json.dumps(values), "model.tflite")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"contract": "1"}', '{"contract": true}', "[" * 100_000, b"\xff\xfe"]
)
def test_text_that_is_no_card_is_refused(text):
    with pytest.raises(InputError):
        Card.parse(text)


def test_a_card_that_lost_a_key_is_refused():
    values = json.loads(card().text())
    del values["ab_scale"]
    with pytest.raises(InputError, match="ab_scale"):
        Card.parse(json.dumps(values))


def test_a_changed_card_does_not_match_its_sum(tmp_path):
    path = tmp_path / "model.tflite"
    signed = write_model(path, bare(), card())
    forged = replace(signed, licence="none at all")
    path.write_bytes(flatbuffer.with_metadata(path.read_bytes(), METADATA, forged.text().encode()))
    with pytest.raises(InputError, match="checksum"):
        read_model(path)
