"""docs/github-app.md and docs/operations.md say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.commands.doctor_github import CHECKS, EVENTS, PERMISSIONS
from app.core.deciding.ci_head import PERMISSIONS as PERMISSIONS_OF_CI
from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
GITHUB_APP = (ROOT / "docs" / "github-app.md").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
SOURCES = "\n".join(path.read_text() for place in ("app", "tasks", "triggers") for path in (ROOT / place).rglob("*.py"))
ACCESS = {"Read and write": "write", "Read-only": "read"}


def test_the_page_asks_for_the_permissions_that_are_needed() -> None:
    rows = re.findall(r"^\| ([A-Z][a-z ]+) \| (Read and write|Read-only) \|", GITHUB_APP, re.MULTILINE)
    # The page has the names of GitHub's form, one of which is another in its API.
    named = {name.lower().replace(" ", "_").replace("commit_statuses", "statuses"): ACCESS[access] for name, access in rows}
    assert named == dict.fromkeys(PERMISSIONS_OF_CI.values(), "read") | PERMISSIONS | CHECKS


def test_the_page_asks_for_the_events_that_are_read() -> None:
    [names] = re.findall(r"^\*\*Events\.\*\* (.*?)\. ", GITHUB_APP, re.MULTILINE)
    assert {name.lower().replace(" ", "_") for name in re.findall(r"\*([^*]+)\*", names)} == set(EVENTS)


def watched() -> list[str]:
    section = OPERATIONS.split("## What to watch")[1].split("\n## ")[0]
    return re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE)


@pytest.mark.parametrize("event", watched())
def test_what_is_to_be_watched_is_logged(event: str) -> None:
    assert re.search(rf'log\.\w+\(\s*(?:level, )?"{event}"', SOURCES)


@pytest.mark.parametrize("page", [GITHUB_APP, OPERATIONS], ids=["github-app", "operations"])
def test_what_is_called_a_setting_is_one(page: str) -> None:
    settings = {f"BELLHOP_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"BELLHOP_[A-Z_]+", page)) <= settings
