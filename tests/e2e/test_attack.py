"""`bellhop attack`: whole runs on both sides. All incidents are played once on Docker; bubblewrap plays the telling ones."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from app.attack.show import attack
from app.execute.sandboxes.bubblewrap import command
from app.execute.sandboxes.bubblewrap.record import Room
from app.ports import SandboxSpec


def played(capsys: pytest.CaptureFixture[str], expected: int, **choice: Any) -> dict[str, Any]:
    told = io.StringIO()
    assert attack(Console(file=told, width=140), as_json=True, **choice) == expected, told.getvalue()
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


@pytest.fixture(autouse=True)
def short_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")


@pytest.mark.slow  # whole runs, some seconds each
@pytest.mark.bubblewrap
def test_t19_what_comes_out_of_a_plain_process_does_not_come_out_of_bellhop(
    bubblewrap: str, capsys: pytest.CaptureFixture[str]
) -> None:
    only = ("comment-and-control", "read-tool", "hostile-git", "camoleak", "connect", "mcp-json")
    said = played(capsys, 0, sandbox="bubblewrap", only=only)
    assert (said["isolation"], said["out_of_bellhop"], said["out_of_plain"]) == ("process", 0, said["canaries"])
    assert sorted(one["id"] for one in said["incidents"]) == sorted(only)
    assert [one["why_not"] for one in said["incidents"] if one["why_not"]] == []


@pytest.mark.slow  # sixteen runs
@pytest.mark.docker
@pytest.mark.timeout(600)
def test_t19_no_incident_brings_anything_out_of_a_sealed_container(
    docker_host: str, debian_image: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLHOP_DOCKER_HOST", docker_host)
    said = played(capsys, 0, sandbox="docker", image=debian_image)
    assert (said["isolation"], said["out_of_bellhop"], said["out_of_plain"]) == ("container", 0, said["canaries"])


@pytest.mark.slow  # whole runs
@pytest.mark.bubblewrap
def test_t51_a_guard_that_is_taken_out_shows(
    bubblewrap: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attack finds something where there is something: here a sandbox that keeps the host's network."""
    sealed = command._bwrap

    def open_network(spec: SandboxSpec, room: Room, plan: command.Plan) -> list[str]:
        return [part for part in sealed(spec, room, plan) if part != "--unshare-net"]

    monkeypatch.setattr(command, "_bwrap", open_network)
    said = played(capsys, 1, sandbox="bubblewrap", only=("connect", "metadata"))
    assert [set(one["out_of_bellhop"]) for one in said["incidents"]] == [{"repository-file"}, {"cloud-secret"}]
    assert said["good"] is False


def test_the_verb_is_the_one_that_make_calls() -> None:
    makefile = (Path(__file__).resolve().parents[2] / "Makefile").read_text()
    assert "@$(BIN)/bellhop attack" in makefile
