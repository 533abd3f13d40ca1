"""`bellhop emulate github`: what it prints is enough to use it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from app.emulators.github import GitHubEmulator
from app.emulators.github.seed import Seed, SeedApp, SeedUser
from app.emulators.github.serve import how_to_use, run
from app.errors import ConfigurationError


def test_tokens_key_and_settings_are_printed(tmp_path: Path) -> None:
    key = tmp_path / "app.pem"
    seed = Seed(app=SeedApp(private_key_file=key, webhook_secret="it's secret"), users=(SeedUser(login="ada"),))
    with GitHubEmulator(tmp_path / "git", seed) as emulator:
        lines = how_to_use(emulator, seed)
    assert "Person ada, token ghp_ada" in lines
    assert f"The App's private key: {key}" in lines
    assert f"export BELLHOP_GITHUB_PRIVATE_KEY_FILE={key}" in lines
    assert "export BELLHOP_GITHUB_WEBHOOK_SECRET='it'\"'\"'s secret'" in lines
    assert "export BELLHOP_BOT_LOGIN='bellhop[bot]'" in lines
    assert key.read_text().startswith("-----BEGIN")


def test_where_people_sign_in_bellhops_own_address_is_printed_too(tmp_path: Path) -> None:
    seed = Seed(app=SeedApp(callback_urls=("http://127.0.0.1:8300/signin/callback",)))
    with GitHubEmulator(tmp_path / "git", seed) as emulator:
        lines = how_to_use(emulator, seed)
    assert lines[-1] == "export BELLHOP_PUBLIC_URL=http://127.0.0.1:8300"


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"{port} .*: give another --port"):
            run(port=port, directory=tmp_path / "git")
