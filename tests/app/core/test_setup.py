"""Which layer a commit stands on: the same for what counts, another for whatever changes it, and never somebody else's."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.sandbox.agent_config import Entry
from app.core.sandbox.setup import Ground, Setup, counts, faults, is_private, layer_name

SETUP = Setup.model_validate({"steps": [{"run": "npm ci"}], "files": ["tools/*.sh"]})
GROUND = Ground(repo="github:7", branch="main", backend="docker", made_of="sha256:abc", uid=10_001, setup=SETUP)


def files(**blobs: str) -> dict[str, Entry]:
    named = {"package_lock": "package-lock.json", "ignored": "web/.gitignore", "code": "src/main.js", "tool": "tools/sub/up.sh"}
    return {named[name]: Entry("100644", blob) for name, blob in blobs.items()}


BEFORE = files(package_lock="1", ignored="2", code="3", tool="4")


def test_the_same_ground_and_files_are_the_same_layer() -> None:
    assert layer_name(GROUND, BEFORE) == layer_name(GROUND.model_copy(), dict(reversed(BEFORE.items())))
    assert not is_private(layer_name(GROUND, BEFORE))


def test_what_is_only_code_changes_nothing() -> None:
    assert layer_name(GROUND, BEFORE | files(code="9")) == layer_name(GROUND, BEFORE)


@pytest.mark.parametrize("changed", ["package_lock", "ignored", "tool"])
def test_what_is_installed_by_or_ignored_makes_another_layer(changed: str) -> None:
    assert layer_name(GROUND, BEFORE | files(**{changed: "9"})) != layer_name(GROUND, BEFORE)
    assert layer_name(GROUND, {path: entry for path, entry in BEFORE.items() if path not in files(**{changed: ""})}) != layer_name(GROUND, BEFORE)


@pytest.mark.parametrize("change", [
    {"repo": "github:8"}, {"branch": "release"}, {"backend": "bubblewrap"}, {"made_of": "sha256:def"}, {"uid": 10_002}, {"env": {"CI": "1"}},
    {"registries": ("npm",)}, {"connect": ("example.org",)}, {"setup": Setup.model_validate({"steps": [{"run": "npm ci --omit=dev"}]})},
], ids=lambda change: next(iter(change)))
def test_whatever_else_counts_makes_another_layer(change: dict[str, Any]) -> None:
    """T39: what another repository, image, user or way out has brought in is never met."""
    assert layer_name(GROUND.model_copy(update=change), BEFORE) != layer_name(GROUND, BEFORE)


def test_t39_a_layer_for_a_commit_is_found_by_that_commit_only() -> None:
    mine = layer_name(GROUND, BEFORE, private_to="a" * 40)
    assert is_private(mine)
    assert len({mine, layer_name(GROUND, BEFORE, private_to="b" * 40), layer_name(GROUND, BEFORE)}) == 3
    assert mine.removeprefix("private-") != layer_name(GROUND, BEFORE)


@pytest.mark.parametrize("path", ["Cargo.lock", "a/b/uv.lock", "requirements-dev.txt", "sub/pyproject.toml", ".gitignore", "x/.gitignore", "go.mod", "ui/package.json"])
def test_known_names_count_in_any_directory(path: str) -> None:
    assert counts(path)


@pytest.mark.parametrize("path", ["src/main.py", "README.md", "gitignore", "package.json.bak", "lock"])
def test_other_names_do_not_count(path: str) -> None:
    assert not counts(path)


@pytest.mark.parametrize(("setup", "where"), [
    ({"steps": []}, ("setup", "steps")),
    ({"steps": [{"run": "# later\n\n"}]}, ("setup", "steps", 0, "run")),
    ({"steps": [{"run": "true"}], "files": ["/etc/passwd"]}, ("setup", "files", 0)),
    ({"steps": [{"run": "true"}], "files": ["../up"]}, ("setup", "files", 0)),
], ids=["none", "comment", "absolute", "above"])
def test_what_would_never_work_is_a_fault(setup: dict[str, Any], where: tuple[str | int, ...]) -> None:
    assert [at for at, _ in faults(Setup.model_validate(setup))] == [where]


def test_a_setup_without_fault() -> None:
    assert list(faults(SETUP)) == list(faults(None)) == []
