"""The parts' files as they are shipped, and what is refused in one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.errors import ToolingError
from app.execute.tooling import inputs
from app.execute.tooling.parts import part
from app.execute.tooling.parts.build import TOOLS_DIR, key, part_tree

TEXT = (part.PARTS_DIR / "codex.toml").read_text()


@pytest.mark.parametrize("name", part.names())
def test_every_part_is_pinned_and_says_its_licence(name: str) -> None:
    found = part.load(name)
    assert re.fullmatch(r"[0-9][0-9.]*", found.version)
    assert found.licence
    assert [needed for needed in found.needs if needed not in part.names()] == []
    documented = (Path(__file__).parents[4] / "docs/sidecar.md").read_text()
    assert f"| `{name}` |" in documented


def test_an_agent_brings_the_runtime_that_it_needs() -> None:
    assert [found.name for found in part.closure(("gemini-cli",))] == ["gemini-cli", "node"]
    assert [found.name for found in part.closure(("codex", "codex"))] == ["codex"]


@pytest.mark.parametrize("name", ["codexx", "../manifest", "", "tools/patchelf"])
def test_a_part_that_is_not_there_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(ToolingError, match="claude-code, codex, gemini-cli") as caught:
        part.load(name)
    assert caught.value.reason == "part"


@pytest.mark.parametrize(
    ("before", "after"),
    [("source", "sourse"), ('"npm"', '"tarball"'), ("sha512-", "sha1-"), ("version =", "# version ="), ("[[take]]", "[take]"), ('keep = ["bin', 'keep = [["bin')],
)
def test_a_file_that_is_wrong_is_refused_by_name(before: str, after: str) -> None:
    with pytest.raises(ToolingError, match="`codex`") as caught:
        part.parse("codex", TEXT.replace(before, after))
    assert caught.value.reason == "part"


def test_updating_one_part_rebuilds_neither_the_base_nor_another_part() -> None:
    before = part.parse("codex", TEXT)
    after = part.parse("codex", TEXT.replace(before.version, "99.0.0"))
    assert key(after, relocated=True) != key(before, relocated=True)
    # What the base is made of, and what decides over every part.
    assert {name for name in inputs.own_files() if name.endswith(".toml")} == {"manifest.toml"}
    assert key(part.load("node"), relocated=True) == key(part.load("node"), relocated=True)


def test_what_relocates_is_pinned_too() -> None:
    assert part.load("patchelf", TOOLS_DIR).checksum.startswith("sha256:")


def test_parts_are_for_x86_64_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    with pytest.raises(ToolingError, match="aarch64") as caught:
        part_tree(tmp_path, part.load("codex"), relocated=False)
    assert caught.value.reason == "architecture"
