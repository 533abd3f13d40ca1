"""An emulated Linear, and Bellhop's way back to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.emulators.linear import LinearEmulator, Seed, SeedApp, SeedIssue, SeedProject, SeedTeam, SeedUser, serve
from app.ledger import schema
from app.ledger.database import Database
from app.ledger.sealed import Sealed
from app.settings import Settings
from tests.app.emulators.github.github_kit import SettableClock
from triggers.linear import bot_of
from triggers.linear.connection import LinearConnection
from triggers.linear.outbound import client, grants
from triggers.linear.reply import LinearConversation
from triggers.linear.tokens import LinearTokens

SEED = Seed(
    app=SeedApp(redirect_uris=("http://127.0.0.1:8300/oauth/linear",)),
    users=(SeedUser(name="ada", full_name="Ada", admin=True), SeedUser(name="bob", full_name="Bob"), SeedUser(name="guest", full_name="Guest", guest=True)),
    teams=(SeedTeam(key="ENG", name="Engineering", labels=("bug",)),),
    projects=(SeedProject(name="Till", teams=("ENG",)),),
    issues=(SeedIssue(team="ENG", title="Fix checkout", creator="ada", description="It fails.", project="Till", labels=("bug",), state="Todo"),),
)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def linear(clock: SettableClock) -> Iterator[LinearEmulator]:
    with LinearEmulator(SEED, now=clock) as emulator, serve(emulator):
        yield emulator


@pytest.fixture
def settings(linear: LinearEmulator) -> Settings:
    return Settings(
        linear_client_id=SEED.app.client_id, linear_client_secret=SecretStr(SEED.app.client_secret), linear_api_url=linear.url, linear_web_url=linear.url,
        public_url="http://127.0.0.1:8300",
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
    schema.upgrade(database)
    yield database
    database.close()


@pytest.fixture
def keep(ledger: Database) -> Sealed:
    return Sealed(ledger, "linear", SEED.app.client_secret.encode())


@pytest.fixture
def connected(settings: Settings, keep: Sealed, clock: SettableClock) -> Iterator[Callable[[], LinearConnection]]:
    """Return a function that makes a connection, as each process has one."""
    made: list[LinearConnection] = []

    def make() -> LinearConnection:
        http = client(settings)
        tokens = LinearTokens(grants(settings, http), keep, clock=lambda: clock().timestamp())
        made.append(LinearConnection(http, f"{settings.linear_api_url}/graphql", tokens))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def conversation(connected: Callable[[], LinearConnection], settings: Settings) -> LinearConversation:
    return LinearConversation(connected(), bot_of(settings))
