"""The little of the FlatBuffers format that a model's metadata needs, read and added to without a schema library.

All offsets inside a FlatBuffer are relative, and point forward. So a new root can be put in front of an old file: a
head with its own root table, whose fields point into the old content that follows unchanged.

TFLite's schema: Model {version, operator_codes, subgraphs, description, buffers, metadata_buffer, metadata,
signature_defs}, Buffer {data, …}, Metadata {name, buffer}.
"""

from __future__ import annotations

import struct

__all__ = ["Malformed", "metadata", "with_metadata"]

IDENTIFIER = b"TFL3"
MARK = b"colorize"  # after the identifier of a head of ours, followed by the head's length
ALIGNMENT = 64  # weights stay on the boundaries they were written to
BUFFERS, METADATA_BUFFER, METADATA = 4, 5, 6  # fields of Model
DATA = 0  # field of Buffer
NAME, BUFFER = 0, 1  # fields of Metadata


class Malformed(ValueError):
    """The bytes are not a TFLite file, or not all of one."""


def metadata(content: bytes, name: str) -> slice | None:
    """Where in `content` the metadata of this name lies; None where there is none."""
    reader = _Reader(content)
    model = reader.root()
    for entry in reader.tables(model, METADATA):
        if reader.string(entry, NAME) == name.encode():
            buffers = reader.tables(model, BUFFERS)
            index = reader.scalar(entry, BUFFER)
            if index >= len(buffers):
                raise Malformed("metadata names a buffer that is not there")
            return reader.vector(buffers[index], DATA)
    return None


def with_metadata(content: bytes, name: str, value: bytes) -> bytes:
    """The TFLite file `content` with metadata `name` = `value` in place of what an earlier call added."""
    content = _without_head(content)
    reader = _Reader(content)
    model = reader.root()
    buffers, entries = reader.tables(model, BUFFERS), reader.tables(model, METADATA)
    entries = [entry for entry in entries if reader.string(entry, NAME) != name.encode()]
    fields = reader.fields(model)
    count = max(len(fields), METADATA + 1)

    head = bytearray(struct.pack("<I4s8sI", 0, IDENTIFIER, MARK, 0))
    fixups: list[tuple[int, int]] = []  # (place in the head, target in the old content)

    def point(place: int, target: int) -> None:
        struct.pack_into("<I", head, place, target - place)

    def append(block: bytes, boundary: int = 4, before: int = 0) -> int:
        # `before` bytes of the block come ahead of what must lie on the boundary.
        head.extend(bytes(-(len(head) + before) % boundary))
        place = len(head)
        head.extend(block)
        return place

    # The root's table: a version number in place, and an offset for every other field that is present.
    kept = [i for i in range(count) if (i < len(fields) and fields[i]) or i in (BUFFERS, METADATA)]
    slots = {index: 4 + 4 * position for position, index in enumerate(kept)}
    vtable = struct.pack(f"<{2 + count}H", 4 + 2 * count, 4 + 4 * len(kept), *(slots.get(i, 0) for i in range(count)))
    vtable_at = append(vtable)
    root = append(bytes(4 + 4 * len(kept)))
    struct.pack_into("<i", head, root, root - vtable_at)
    point(0, root)
    for index in kept:
        place = root + slots[index]
        if index == 0:
            head[place : place + 4] = content[model + fields[0] : model + fields[0] + 4]
        elif index not in (BUFFERS, METADATA):
            at = model + fields[index]
            fixups.append((place, at + reader.u32(at)))

    def vector(field: int, old: list[int]) -> int:
        at = append(struct.pack("<I", len(old) + 1) + bytes(4 * (len(old) + 1)))
        point(root + slots[field], at)
        fixups.extend((at + 4 + 4 * position, table) for position, table in enumerate(old))
        return at + 4 + 4 * len(old)  # the slot of the new one

    new_buffer, new_entry = vector(BUFFERS, buffers), vector(METADATA, entries)
    small = append(struct.pack("<HHH", 6, 8, 4))  # vtable of a table with one offset
    table = append(bytes(8))
    struct.pack_into("<i", head, table, table - small)
    point(new_buffer, table)
    point(table + 4, append(struct.pack("<I", len(value)) + value, 16, 4))
    pair = append(struct.pack("<HHHH", 8, 12, 4, 8))  # vtable of an offset and a number
    table = append(bytes(12))
    struct.pack_into("<i", head, table, table - pair)
    point(new_entry, table)
    point(table + 4, append(struct.pack("<I", len(name)) + name.encode() + b"\0"))
    struct.pack_into("<I", head, table + 8, len(buffers))

    append(b"", ALIGNMENT)
    struct.pack_into("<I", head, 16, len(head))
    for place, target in fixups:
        point(place, len(head) + target)
    return bytes(head) + content


def _without_head(content: bytes) -> bytes:
    """The file as it was before `with_metadata`."""
    if content[8:16] != MARK or len(content) < 20:
        return content
    (length,) = struct.unpack_from("<I", content, 16)
    return content[length:]


class _Reader:
    """Bounds-checked access; every complaint is a `Malformed`."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        if len(content) < 8 or content[4:8] != IDENTIFIER:
            raise Malformed("the mark of a TFLite file is missing")

    def u32(self, at: int) -> int:
        return int(self._unpack("<I", at))

    def root(self) -> int:
        return self._checked(self.u32(0))

    def fields(self, table: int) -> list[int]:
        """Offsets of a table's fields, 0 where one is absent."""
        vtable = self._checked(table - int(self._unpack("<i", table)))
        size = int(self._unpack("<H", vtable))
        if size < 4 or size % 2:
            raise Malformed("a table without a proper description")
        return [int(self._unpack("<H", vtable + 4 + 2 * i)) for i in range((size - 4) // 2)]

    def tables(self, table: int, field: int) -> list[int]:
        """A vector of tables; empty where it is absent."""
        at = self._field(table, field)
        if at is None:
            return []
        start = at + self.u32(at)
        count = self.u32(start)
        self._checked(start + 4 * count)
        places = range(start + 4, start + 4 + 4 * count, 4)
        return [self._checked(place + self.u32(place)) for place in places]

    def vector(self, table: int, field: int) -> slice:
        """The place of a vector of bytes."""
        at = self._field(table, field)
        if at is None:
            return slice(0, 0)
        start = at + self.u32(at)
        end = start + 4 + self.u32(start)
        if end > len(self._content):
            raise Malformed("the file ends too early")
        return slice(start + 4, end)

    def string(self, table: int, field: int) -> bytes:
        return self._content[self.vector(table, field)]

    def scalar(self, table: int, field: int) -> int:
        at = self._field(table, field)
        return 0 if at is None else self.u32(at)

    def _field(self, table: int, field: int) -> int | None:
        fields = self.fields(table)
        return table + fields[field] if field < len(fields) and fields[field] else None

    def _checked(self, at: int) -> int:
        if not 0 <= at <= len(self._content) - 4:
            raise Malformed("the file ends too early")
        return at

    def _unpack(self, form: str, at: int) -> int:
        try:
            if at < 0:
                raise Malformed("an offset that points before the file")
            return int(struct.unpack_from(form, self._content, at)[0])
        except struct.error:
            raise Malformed("the file ends too early") from None
