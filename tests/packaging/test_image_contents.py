"""The Dockerfile and what the engine is sent: all that Bellhop runs with, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def copied() -> list[str]:
    return [words.split()[0] for words in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE)]


def test_what_is_copied_is_there() -> None:
    assert [name for name in copied() if not (ROOT / name).exists()] == []


def test_every_package_and_what_it_reads_is_copied() -> None:
    assert {"app", "triggers", "tasks", "sidecar", "templates", "profiles", "pyproject.toml", "requirements/base.txt"} <= set(copied())


def test_the_engine_is_sent_nothing_that_is_not_copied() -> None:
    """A list of what to send rather than of what to leave out: a key beside compose.yaml never leaves its directory."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    assert sorted(line[1:] for line in lines if line.startswith("!")) == sorted(copied())


def test_the_image_is_nobody_by_default_and_not_the_user_of_a_sandbox() -> None:
    [uid] = re.findall(r"useradd --uid (\d+)", DOCKERFILE)
    assert uid not in ("0", "10001")
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == ["bellhop"]


def test_packages_are_checked_by_their_hashes() -> None:
    for command in re.findall(r"pip install[^&]*", DOCKERFILE):
        assert "--require-hashes" in command
        assert "--no-deps" in command


def test_the_programs_that_a_worker_calls_are_installed() -> None:
    [installed] = re.findall(r"apt-get install -y --no-install-recommends ([^&\\]*)", DOCKERFILE)
    assert set(installed.split()) == {"ca-certificates", "git", "patchelf", "util-linux"}
