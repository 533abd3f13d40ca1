"""An emulated Slack, served on a free port; whatever it said in a test is held against the vendor's schemas after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.emulators.slack import SlackEmulator
from tests.app.emulators.slack.slack_kit import Receiver, judged, receiving, seed, served


@pytest.fixture
def slack() -> Iterator[SlackEmulator]:
    with SlackEmulator(seed(), retry_waits_seconds=(0, 600, 600)) as emulator, served(emulator) as recorded:
        yield emulator
        assert judged(recorded, emulator) == []


@pytest.fixture
def receiver(slack: SlackEmulator) -> Iterator[Receiver]:
    with receiving() as found:
        slack.set_urls(found.url)
        yield found
