"""Reads TFRecord shards without TensorFlow, and tells at which byte each photo lies."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

__all__ = ["ShardError", "parse_example", "records"]


class ShardError(Exception):
    """A shard is cut short or is no TFRecord file; the message says where."""


def records(path: str) -> Iterator[tuple[int, bytes]]:
    """The (offset, content) of every record of a TFRecord file; ShardError where the framing breaks."""
    with open(path, "rb") as file:
        offset = 0
        while header := file.read(12):
            if len(header) < 12 or struct.unpack("<I", header[8:])[0] != _masked_crc(header[:8]):
                raise ShardError(f"no TFRecord framing at byte {offset}")
            length = struct.unpack("<Q", header[:8])[0]
            content = file.read(length)
            if len(content) < length or len(file.read(4)) < 4:
                raise ShardError(f"cut short in the record at byte {offset}")
            yield offset + 12, content
            offset += length + 16


def parse_example(record: bytes) -> dict[str, tuple[Any, int]]:
    """A serialized tf.train.Example -> first value of each feature, with the byte offset of bytes values (else -1)."""
    features: dict[str, tuple[Any, int]] = {}
    for field, _, start, end in _fields(record, 0, len(record)):
        if field != 1:  # Example.features
            continue
        for _, _, start_entry, end_entry in _fields(record, start, end):  # Features.feature, a map
            name, value = "", None
            for key, _, a, b in _fields(record, start_entry, end_entry):
                if key == 1:
                    name = record[a:b].decode("utf-8", "replace")
                elif key == 2:
                    value = _first_value(record, a, b)
            if value is not None:
                features[name] = value
    return features


def _first_value(record: bytes, start: int, end: int) -> tuple[Any, int] | None:
    """Of a serialized tf.train.Feature in record[start:end]."""
    for kind, _, a, b in _fields(record, start, end):
        for _, wire, c, d in _fields(record, a, b):  # the list's repeated `value`
            if kind == 1:
                return record[c:d], c
            if kind == 2 and d - c >= 4:
                return struct.unpack_from("<f", record, c)[0], -1  # packed or not, the first float lies here
            if kind == 3 and (wire == 0 or d > c):
                number = _varint(record, c)[0] if wire == 2 else c
                return (number - (1 << 64) if number >> 63 else number), -1
    return None


def _fields(record: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(field number, wire type, start, end) of each field of a message; of a varint, `start` is its value."""
    at = start
    while at < end:
        tag, at = _varint(record, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(record, at)
            yield number, wire, value, at
            continue
        if wire == 2:
            size, at = _varint(record, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ShardError("a record is no tf.train.Example")
        if at + size > end:
            raise ShardError("a record is no tf.train.Example")
        yield number, wire, at, at + size
        at += size


def _varint(record: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(record) or shift > 63:
            raise ShardError("a record is no tf.train.Example")
        byte = record[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)  # Castagnoli, reflected
        table.append(byte)
    return table


_CRC_TABLE = _crc_table()


def _masked_crc(data: bytes) -> int:
    """TFRecord's checksum; in Python only for the eight bytes of a length."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
