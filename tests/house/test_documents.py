"""What the documents must name, so that they cannot fall behind the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from typer.main import get_command

from app.cli import app
from app.core.profile import Profile
from app.core.ringing.where import Condition
from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def read(name: str) -> str:
    return (ROOT / name).read_text()


def setting_names() -> list[str]:
    return [
        str(field.validation_alias) if field.validation_alias else f"BELLHOP_{name.upper()}"
        for name, field in Settings.model_fields.items()
    ]


@pytest.mark.parametrize("name", setting_names())
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{name}`" in read("docs/settings.md")


def profile_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    keys = []
    for name, field in model.model_fields.items():
        key = prefix + (field.alias or name)
        keys.append(key)
        for candidate in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                # A comparison is the same wherever one may stand.
                keys += profile_keys(candidate, "where." if candidate is Condition else key + ".")
    return keys


@pytest.mark.parametrize("key", sorted(set(profile_keys(Profile))))
def test_every_profile_key_is_documented(key: str) -> None:
    assert f"`{key}`" in read("docs/profiles.md")


def verbs(command: Any, prefix: str = "") -> list[str]:
    found = []
    for name, sub in getattr(command, "commands", {}).items():
        found += verbs(sub, f"{prefix}{name} ") if hasattr(sub, "commands") else [f"{prefix}{name}"]
    return found


@pytest.mark.parametrize("verb", verbs(get_command(app)))
def test_every_verb_is_documented(verb: str) -> None:
    assert f"`bellhop {verb}" in read("docs/cli.md")


def test_no_document_points_at_a_file_that_is_not_there() -> None:
    targets = [
        (path, target)
        for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"\]\(([^)#\s]+)", path.read_text())
        if "://" not in target
    ]
    assert len(targets) > 5
    assert [f"{path.name} -> {target}" for path, target in targets if not (path.parent / target).exists()] == []


def test_every_test_that_the_security_page_names_is_there() -> None:
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", read("docs/security.md")))
    there = {name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)}
    assert len(named) > 40
    assert named - there == set()


def threat_rows() -> list[tuple[str, str]]:
    table = read("docs/security.md").partition("## Threats with a test")[2]
    return re.findall(r"^\| ([TR][^|]*) \|[^|]*\| (.*) \|$", table, re.MULTILINE)


def test_every_threat_has_a_row_with_a_test_or_is_said_to_be_open() -> None:
    listed: set[int] = set()
    for numbers, _ in threat_rows():
        for first, last in re.findall(r"T(\d+)(?: - T(\d+))?", numbers):
            listed |= set(range(int(first), int(last or first) + 1))
    assert sorted(set(range(1, 73)) - listed) == []
    assert [numbers for numbers, proof in threat_rows() if "`test_" not in proof and "open" not in proof] == []


def test_t36_no_file_is_copied_into_or_out_of_a_sandbox() -> None:
    """Engines have followed what an agent made of its container: only containers that are never started are filled and read so."""
    calls = re.compile(r"put_archive|get_archive|exec_create|exec_run|exec_start|docker.{0,8}cp|}/archive")
    found = [path.relative_to(ROOT).as_posix() for folder in ("app", "tasks", "triggers") for path in (ROOT / folder).rglob("*.py")
             if calls.search(path.read_text())]
    assert sorted(found) == ["app/execute/sandboxes/docker/image_files.py", "app/execute/tooling/volume.py"]


def test_no_registry_address_is_written_down() -> None:
    pattern = re.compile(r"https?://(pypi|files\.pythonhosted|registry\.npmjs|deb\.debian|index\.docker)")
    suffixes = {".py", ".txt", ".in", ".toml", ".yaml", ".yml", ".sh", ".md", ".json"}
    files = [p for p in ROOT.rglob("*") if p.suffix in suffixes and not {".venv", ".git", "node_modules"} & set(p.parts)
             and "payloads" not in p.parts]
    assert [str(p.relative_to(ROOT)) for p in files if pattern.search(p.read_text(errors="replace"))] == []
