"""Colour profiles made for tests."""

import struct


def icc(kind, tags, pcs=b"XYZ "):
    """A profile of these tags."""
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, b"mntr" if kind != b"CMYK" else b"prtr", kind, pcs)
    head += struct.pack(">6H4s", 2024, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += struct.pack(">3i", 63190, 65536, 54061)  # D50
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def xyz(*values):
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def gamma(value):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256))


def text_tags():
    return {b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(79), b"wtpt": xyz(0.9642, 1, 0.8249)}


def matrix_profile(curve, *colorants):
    names = (b"r", b"g", b"b")
    tags = {name + b"XYZ": xyz(*values) for name, values in zip(names, colorants, strict=True)}
    return icc(b"RGB ", {**text_tags(), **tags, **{name + b"TRC": curve for name in names}})


ADOBE = matrix_profile(
    gamma(2.2), (0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)
)
P3 = matrix_profile(
    b"para\0\0\0\0"
    + struct.pack(">HH5i", 3, 0, *(round(v * 65536) for v in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))),
    (0.51512, 0.24120, -0.00105),
    (0.29198, 0.69225, 0.04189),
    (0.15710, 0.06657, 0.78407),
)
PROPHOTO = matrix_profile(gamma(1.8), (0.79767, 0.28804, 0), (0.13519, 0.71188, 0), (0.03134, 0.00009, 0.82491))
REC2020 = matrix_profile(
    gamma(2.4), (0.67346, 0.27904, -0.00193), (0.16567, 0.67535, 0.02998), (0.12505, 0.04561, 0.79686)
)
SRGB_COLORANTS = (0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)
# A display whose black still shines, and whose white is dimmed.
GLOWING = matrix_profile(
    b"curv\0\0\0\0"
    + struct.pack(">I1024H", 1024, *(round(65535 * (0.03 + 0.94 * (i / 1023) ** 2.2)) for i in range(1024))),
    *SRGB_COLORANTS,
)
LINEAR = matrix_profile(gamma(1.0), *SRGB_COLORANTS)
