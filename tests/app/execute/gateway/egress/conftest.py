"""A gateway that may dial one private address, this machine's own, where a server of the test listens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.settings import Settings
from tests.app.execute.gateway.egress.outside import Clients, Names, Upstream, own_address, running
from tests.app.execute.gateway.house import House


@pytest.fixture(scope="session")
def here() -> str:
    """An address of this machine that is not loopback."""
    return own_address()


@pytest.fixture
def upstream(here: str) -> Iterator[Upstream]:
    """A server outside, which answers everything backwards."""
    with running(Upstream(here)) as server:
        yield server


@pytest.fixture
def settings(settings: Settings, here: str) -> Settings:
    """Settings in which the operator permits that one address."""
    return settings.model_copy(update={"egress_private_networks": here})


@pytest.fixture
def names(here: str) -> Names:
    """What names lead to: `allowed.example` to the server, others to where nobody may go."""
    return Names({
        "allowed.example": [[here]], "one.below.example": [[here]], "loopback.example": [["127.0.0.1", "::1"]],
        "metadata.example": [["169.254.169.254"]], "mapped.example": [["::ffff:127.0.0.1"]], "private.example": [["10.255.255.1"]],
    })


@pytest.fixture
def house(house: House, names: Names) -> House:
    """The gateway, with those names."""
    house.stop()
    house.resolve = names
    house.start()
    return house


@pytest.fixture
def clients() -> Iterator[Clients]:
    """Clients inside a sandbox."""
    made = Clients()
    yield made
    made.close()
