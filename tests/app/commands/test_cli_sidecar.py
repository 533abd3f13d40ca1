"""`bellhop sidecar`, as a person starts it on a machine where nothing is built and no engine answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.execute.tooling import layout, tree
from app.execute.tooling.parts import part
from app.execute.tooling.parts.build import place_of
from tests.app.commands.bellhop import Machine, machine, one_line


@pytest.fixture
def place(tmp_path: Path, runtime_dir: Path) -> Machine:
    (tmp_path / "profiles").mkdir()
    return machine(tmp_path, runtime_dir, BELLHOP_PROFILES_DIR=str(tmp_path / "profiles"))


@pytest.fixture
def built(place: Machine) -> Path:
    """A finished tree in the place of the part `codex`, of one file."""
    root = place_of(place.directory / "state", part.load("codex"), relocated=True)
    (root / "bin").mkdir(parents=True)
    (root / "bin/codex").write_text("made")
    (root / "etc").mkdir()
    (root / layout.DIGEST_FILE).write_text(tree.digest(tree.on_disk(root)))
    return root


def test_list_says_what_is_pinned_and_what_is_built(place: Machine, built: Path) -> None:
    code, out, err = place.run("sidecar", "list", "--json")
    assert (code, err) == (0, "")
    items = {item["name"]: item for item in json.loads(out)}
    assert set(items) == {"base", *part.names()}
    assert items["codex"]["built"]["docker"]["path"] == str(built)
    assert items["claude-code"]["built"] == {}
    assert items["claude-code"]["licence"].startswith("proprietary")
    told = place.run("sidecar", "list", COLUMNS="200").out
    assert items["codex"]["built"]["docker"]["digest"][:12] in told
    assert "not built" in told


def test_verify_finds_a_file_that_was_changed(place: Machine, built: Path) -> None:
    code, out, _ = place.run("sidecar", "verify")
    assert (code, out.splitlines()[-1]) == (0, "1 as built")
    (built / "bin/codex").write_text("evil")
    code, out, _ = place.run("sidecar", "verify")
    assert (code, out.splitlines()[-1]) == (1, "1 changed")


def test_verify_where_nothing_is_built(place: Machine) -> None:
    assert place.run("sidecar", "verify").out == "nothing is built yet\n"


def test_a_part_that_is_not_there_is_refused_before_anything_is_built(place: Machine) -> None:
    assert "no part `codx`" in one_line(place.run("sidecar", "build", "codx"))
    assert "docker, bubblewrap or auto" in one_line(place.run("sidecar", "build", "--sandbox", "vm"))
    assert not (place.directory / "state/tooling").exists()


def test_without_names_only_what_the_profiles_need_is_built(place: Machine) -> None:
    """No profile, so the base alone: nobody gets a proprietary program unasked."""
    code, out, err = place.run("sidecar", "build", "--sandbox", "bubblewrap")
    assert (code, err) == (0, "")
    assert [line.partition(":")[0] for line in out.splitlines()] == ["base"]
    assert not (place.directory / "state/tooling/parts").exists()


def test_gc_says_what_it_could_not_look_at(place: Machine, built: Path) -> None:
    old = built.with_name(f"codex-{'0' * 16}")
    (old / "etc").mkdir(parents=True)
    (old / layout.DIGEST_FILE).write_text("")
    code, out, _ = place.run("sidecar", "gc", "--dry-run")
    assert (code, old.exists(), f"would remove {old}" in out) == (0, True, True)
    code, out, _ = place.run("sidecar", "gc")
    assert (code, old.exists(), built.exists()) == (0, False, True)
    assert "the engine's volumes were not looked at" in out
