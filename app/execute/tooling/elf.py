"""What an ELF file asks of the loader: read from its headers, without running anything.

Layout: https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html (64-bit, little-endian only).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NULL, DT_NEEDED, DT_STRTAB = 0, 1, 5
MAGIC_64_LITTLE = b"\x7fELF\x02\x01"


class Elf(NamedTuple):
    """`dynamic`: has a dynamic section; `interpreted`: names a loader; `needed`: the libraries it lists."""

    dynamic: bool
    interpreted: bool
    needed: tuple[str, ...]


def read(data: bytes) -> Elf | None:
    """Return what the file asks for, or None when it is no 64-bit little-endian ELF file."""
    if not data.startswith(MAGIC_64_LITTLE) or len(data) < 64:
        return None
    (table,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    headers = []
    for index in range(count):
        kind, _, offset, address, _, file_size, _, _ = struct.unpack_from("<IIQQQQQQ", data, table + index * size)
        headers.append((kind, offset, address, file_size))
    dynamic = next(((offset, file_size) for kind, offset, _, file_size in headers if kind == PT_DYNAMIC), None)
    interpreted = any(kind == PT_INTERP for kind, _, _, _ in headers)
    if dynamic is None:
        return Elf(dynamic=False, interpreted=interpreted, needed=())

    loads = [(offset, address, file_size) for kind, offset, address, file_size in headers if kind == PT_LOAD]
    names, strings = [], 0
    for position in range(dynamic[0], dynamic[0] + dynamic[1], 16):
        tag, value = struct.unpack_from("<qQ", data, position)
        if tag == DT_NULL:
            break
        if tag == DT_NEEDED:
            names.append(value)
        elif tag == DT_STRTAB:
            strings = next(offset + value - address for offset, address, length in loads if address <= value < address + length)
    return Elf(dynamic=True, interpreted=interpreted, needed=tuple(text(data, strings + name) for name in names))


def text(data: bytes, position: int) -> str:
    """Return the zero-terminated string at a position."""
    return data[position : data.index(b"\0", position)].decode()
