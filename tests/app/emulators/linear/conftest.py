"""An emulated Linear, served on a free port."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.emulators.linear import LinearEmulator, serve
from tests.app.emulators.github.github_kit import Receiver, SettableClock, receiving
from tests.app.emulators.linear.linear_kit import GraphQL, seed


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def linear(clock: SettableClock) -> Iterator[LinearEmulator]:
    with LinearEmulator(seed(), now=clock) as emulator, serve(emulator):
        yield emulator


@pytest.fixture
def api(linear: LinearEmulator) -> GraphQL:
    return GraphQL(linear)


@pytest.fixture
def receiver(linear: LinearEmulator) -> Iterator[Receiver]:
    with receiving() as found:
        found.status = 200
        linear.set_webhook_url(found.url)
        yield found
