"""Both directions of one connection to the outside."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

# What is read ahead in one direction, bytes; asyncio pauses the sender at twice as much.
READ_AHEAD_BYTES = 64 * 1024


class Streams(NamedTuple):
    """`early` are bytes from the other side that came with the proxy's answer: they are first."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    early: bytes = b""
