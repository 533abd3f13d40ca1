"""A running gateway whose settings name fake registries, one of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.serving import listen, serving
from app.settings import Settings
from tests.app.execute.gateway.house import HOST, House
from tests.app.execute.gateway.registry.fake_registry import TOKEN, FakeRegistry, Stage

NAMES = ("pypi", "npm", "debian", "crates", "go")


@pytest.fixture(scope="module")
def registry_stage() -> Iterator[tuple[Stage, str]]:
    """A server for registries and its URL."""
    made = Stage()
    listener = listen("127.0.0.1", 0)
    with serving(made.app, listener, stop_seconds=1):
        yield made, f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def registry(registry_stage: tuple[Stage, str]) -> Iterator[FakeRegistry]:
    """The registry behind the gateway."""
    fresh = registry_stage[0].present = FakeRegistry(registry_stage[1])
    fresh.private = ("/secret",)
    yield fresh
    fresh.go_on = True


@pytest.fixture
def registries_file(short_dir: Path, registry: FakeRegistry) -> Path:
    """The operator's file."""
    (short_dir / "token").write_text(f"{TOKEN}\n")
    url, file = registry.url, short_dir / "registries.yaml"
    file.write_text(f"""\
pypi: {{kind: pypi, url: {url}/pypi/simple/, files: [{url}/pypi-files/]}}
npm: {{kind: npm, url: {url}/npm/}}
debian: {{kind: debian, url: {url}/debian/, suites: [stable]}}
crates: {{kind: crates, url: {url}/crates/, files: [{url}/crates-files/]}}
go: {{kind: go, url: {url}/go/}}
secret:
  kind: pypi
  url: {url}/secret/simple/
  # The same server under another name: another host, as far as a token is concerned.
  files: [{url}/secret-files/, {url.replace("127.0.0.1", "localhost")}/other-files/]
  token-file: {short_dir}/token
secret-npm: {{kind: npm, url: {url}/secret-npm/, token-file: {short_dir}/token, scope: "@acme"}}
""")
    return file


@pytest.fixture
def settings(short_dir: Path, registries_file: Path) -> Settings:
    """Settings that name the registries."""
    made = Settings(state_dir=short_dir / "state", runtime_dir=short_dir / "run", host_name=HOST, registries_file=registries_file)
    return made.model_copy(update={"anthropic_api_key": SecretStr(""), "openai_api_key": SecretStr("")})


@pytest.fixture
def sandbox(house: House) -> str:
    """A sandbox whose profile names the public ones."""
    from app.core.sandbox.door import DoorRules

    return house.sandbox(door=DoorRules(registries=NAMES))
