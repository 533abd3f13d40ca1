"""A Bellhop whose sandboxes run nothing: the test plays what goes on in them, over the door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core.line.turns import Pace
from app.emulators.github import GitHubEmulator
from app.execute.agents import agent_named
from app.execute.gateway.control import GatewayClient
from app.execute.gateway.main import gateway_thread
from app.execute.grants.github_app import GitHubApp
from app.execute.grants.keeping import KeepingMinter
from app.execute.grants.vault import Vault
from app.execute.sandboxes.fake import FakeSandboxes
from app.execute.workspace import Workspaces
from app.ledger import hosts
from app.ledger.database import Database
from app.ledger.tables import metadata
from app.settings import Settings
from tasks.pacing import SharedPace
from tasks.parts import Parts
from tests.github_at_work import app_key, github, minter, service
from tests.tasks.scene import HOST, Recorder, Scene, profile
from triggers.github.reply import GitHubService

__all__ = ["app_key", "github", "minter", "service"]


@pytest.fixture
def scene(without_gateway: Scene) -> Iterator[Scene]:
    made = without_gateway
    with gateway_thread(made.settings, made.database, made.wakeup.finish):
        try:
            yield made
        finally:
            made.let_go()


@pytest.fixture
def more_settings() -> dict[str, Any]:
    """What a module's scenes are to have beside the usual."""
    return {}


@pytest.fixture
def ledger(state_dir: Path) -> Iterator[Database]:
    """The scene's ledger."""
    database = Database(f"sqlite:///{state_dir / 'ledger.db'}")
    metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def pace(ledger: Database) -> Pace:
    """What the service asks for is obeyed; writes are not spaced."""
    return SharedPace(ledger, 0.0)


@pytest.fixture
def without_gateway(
    github: GitHubEmulator, minter: GitHubApp, service: GitHubService, ledger: Database, pace: Pace, state_dir: Path, runtime_dir: Path,
    tmp_path: Path, more_settings: dict[str, Any],
) -> Iterator[Scene]:
    settings = Settings(
        state_dir=state_dir, runtime_dir=runtime_dir, host_name=HOST, github_api_url=github.api_url,
        github_web_url=github.web_url,
    ).model_copy(update=more_settings)
    database = ledger
    with database.begin() as tx:
        hosts.seen(tx, HOST)
    wakeup, backend, profiles = Recorder(), FakeSandboxes("never_ends"), {"fix": profile()}
    vault = Vault(settings.credentials_dir)
    parts = Parts(
        settings=settings, database=database, wakeup=wakeup, profiles=profiles, services=dict.fromkeys(("github", "schedule", "webhook"), service),
        minter=KeepingMinter(minter, vault), vault=vault, workspaces=Workspaces(settings), gateway=GatewayClient(settings.gateway_socket),
        backends=(backend,), tooling=lambda _backend: "fake", tooling_parts=lambda _backend, _names: {}, agent=agent_named, pace=pace,
    )
    made = Scene(github, settings, database, wakeup, backend, parts, profiles, tmp_path)
    yield made
    made.let_go()
