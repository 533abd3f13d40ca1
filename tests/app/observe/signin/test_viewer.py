"""What a viewer may see, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.ledger.signins import SignedIn
from app.observe.viewer import OPERATOR, Viewer


async def frames() -> AsyncIterator[str]:
    for number in range(3):
        yield f"{number}"


async def seen(viewer: Viewer) -> list[str]:
    return [frame async for frame in viewer.while_allowed(frames())]


@pytest.mark.parametrize(("viewer", "sees"), [
    (OPERATOR, 3), (Viewer(SignedIn(1, "ada", frozenset(), 600)), 3), (Viewer(SignedIn(1, "ada", frozenset(), 0)), 0),
], ids=["operator", "person", "person whose time is over"])
def test_t71_a_live_transcript_ends_when_what_github_said_is_too_old(viewer: Viewer, sees: int) -> None:
    assert len(asyncio.run(seen(viewer))) == sees
