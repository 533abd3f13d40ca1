"""Pages by cursor: https://docs.slack.dev/apis/web-api/pagination"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import TypeVar

from app.emulators.slack.call import Call
from app.emulators.slack.problems import Refusal
from app.emulators.slack.state import Json

ItemT = TypeVar("ItemT")


def page(call: Call, items: Sequence[ItemT], most: int, *, default: int = 100) -> tuple[Sequence[ItemT], Json]:
    """Return one page of a list, and the `response_metadata` that leads to the next."""
    size = call.number("limit", default, most)
    start = 0
    cursor = call.text("cursor")
    if cursor:
        try:
            start = int(base64.b64decode(cursor, validate=True).decode().removeprefix("next:"))
        except (binascii.Error, ValueError) as error:
            raise Refusal("invalid_cursor") from error
    end = start + size
    following = base64.b64encode(f"next:{end}".encode()).decode() if end < len(items) else ""
    return items[start:end], {"next_cursor": following}
