"""Parts built from a registry of the tests' own, by npm and pip as they are installed here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from app.errors import ToolingError
from app.execute.tooling import layout, tree
from app.execute.tooling.parts import fetch, part
from app.execute.tooling.parts.build import part_tree
from app.execute.tooling.parts.part import Part
from tests.app.execute.tooling.fake_registry import Registry, integrity

FILES: dict[str, str | bytes] = {
    "package/bin/tool": "#!/bin/sh\necho tool\n", "package/lib/a.js": "a", "package/lib/docs/b.md": "b", "package/LICENSE": "MIT",
}


def described(checksum: str, *, source: str = "npm", package: str = "@made/tool", version: str = "1.2.3", more: str = "") -> Part:
    return part.parse("tool", f"""
version = "{version}"
source = "{source}"
package = "{package}"
checksum = "{checksum}"
licence = "MIT"
{more}
[[take]]
under = "package"
to = ""
keep = ["bin/*", "lib/*"]
drop = ["lib/docs/*"]

[programs]
"bin/other" = "#!/agent/bin/sh\\n"
""")


def test_a_part_is_what_its_file_takes_of_the_package(registry: Registry, tmp_path: Path) -> None:
    built = part_tree(tmp_path, described(registry.publish("@made/tool", "1.2.3", FILES)), relocated=True)
    files = {path.relative_to(built.path).as_posix(): path for path in built.path.rglob("*") if path.is_file()}
    assert set(files) == {"bin/tool", "bin/other", "lib/a.js", layout.RECORD_FILE, layout.DIGEST_FILE}
    assert {name for name, path in files.items() if path.stat().st_mode & 0o111} == {"bin/tool", "bin/other"}
    record = json.loads(files[layout.RECORD_FILE].read_text())
    assert (record["version"], record["licence"], record["package"]) == ("1.2.3", "MIT", "@made/tool")
    tree.verify(built)


def test_the_same_inputs_give_the_same_digest_and_the_second_time_nobody_is_asked(registry: Registry, tmp_path: Path) -> None:
    wanted = described(registry.publish("@made/tool", "1.2.3", FILES))
    first = part_tree(tmp_path / "one", wanted, relocated=True)
    second = part_tree(tmp_path / "a-much-longer-path" / "two", wanted, relocated=True)
    assert first.path != second.path
    assert first.digest == second.digest
    asked = len(registry.asked)
    assert part_tree(tmp_path / "one", wanted, relocated=True) == first
    shutil.rmtree(first.path)
    assert part_tree(tmp_path / "one", wanted, relocated=True) == first
    assert len(registry.asked) == asked


def test_half_of_a_tree_is_built_anew(registry: Registry, tmp_path: Path) -> None:
    asked = described(registry.publish("@made/tool", "1.2.3", FILES))
    built = part_tree(tmp_path, asked, relocated=True)
    (built.path / layout.DIGEST_FILE).unlink()
    shutil.rmtree(built.path / "bin")
    tree.verify(part_tree(tmp_path, asked, relocated=True))


def test_a_wheel_gives_a_part_too(registry: Registry, tmp_path: Path) -> None:
    built = part_tree(tmp_path, described(registry.upload("made-tool", "1.2.3", FILES), source="pypi", package="made-tool"), relocated=True)
    assert (built.path / "lib/a.js").read_text() == "a"
    # A wheel may have lost its modes.
    assert (built.path / "bin/tool").stat().st_mode & 0o111


def test_a_package_changed_after_it_was_pinned_is_refused_and_not_kept(registry: Registry, tmp_path: Path) -> None:
    wanted = described(registry.publish("@made/tool", "1.2.3", FILES))
    registry.publish("@made/tool", "1.2.3", {**FILES, "package/bin/tool": "evil"})
    with pytest.raises(ToolingError, match="look why") as caught:
        part_tree(tmp_path, wanted, relocated=True)
    assert (caught.value.reason, caught.value.retryable) == ("checksum", False)
    assert list((tmp_path / "tooling/parts/packages").iterdir()) == []


def test_a_kept_package_is_compared_again_before_it_is_used(registry: Registry, tmp_path: Path) -> None:
    wanted = described(registry.publish("@made/tool", "1.2.3", FILES))
    built = part_tree(tmp_path, wanted, relocated=True)
    shutil.rmtree(built.path)
    (tmp_path / "tooling/parts/packages" / fetch.kept_name(wanted)).write_bytes(b"evil")
    with pytest.raises(ToolingError) as caught:
        part_tree(tmp_path, wanted, relocated=True)
    assert caught.value.reason == "checksum"
    assert part_tree(tmp_path, wanted, relocated=True).digest == built.digest


@pytest.mark.parametrize(("source", "package"), [("npm", "@made/tool"), ("pypi", "made-tool")])
def test_a_version_that_vanished_says_to_lock(registry: Registry, tmp_path: Path, source: str, package: str) -> None:
    checksum = registry.publish(package, "2.0.0", FILES) if source == "npm" else registry.upload(package, "2.0.0", FILES)
    with pytest.raises(ToolingError, match="`bellhop sidecar lock tool`") as caught:
        part_tree(tmp_path, described(checksum, source=source, package=package), relocated=True)
    assert (caught.value.reason, caught.value.retryable) == ("vanished", False)


@pytest.mark.parametrize(("source", "checksum"), [("npm", integrity(b"")), ("pypi", f"sha256:{'0' * 64}")])
def test_a_registry_that_does_not_answer_is_not_taken_for_a_version_that_is_gone(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, checksum: str
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    with pytest.raises(ToolingError, match="reaches its package registry") as caught:
        part_tree(tmp_path, described(checksum, source=source, package="made-tool"), relocated=True)
    assert (caught.value.reason, caught.value.retryable) == ("tool_failed", True)


@pytest.mark.parametrize("path", ["package/../../evil", "/package/evil"])
def test_t35_a_package_that_leads_out_of_its_directory_is_refused(registry: Registry, tmp_path: Path, path: str) -> None:
    wanted = described(registry.publish("@made/tool", "1.2.3", {**FILES, path: "evil"}))
    with pytest.raises(ToolingError) as caught:
        part_tree(tmp_path, wanted, relocated=True)
    assert caught.value.reason == "archive"
    assert list((tmp_path / "tooling/parts").glob("tool-*")) == []


def test_a_package_whose_layout_has_changed_is_refused_by_what_is_missing(registry: Registry, tmp_path: Path) -> None:
    wanted = described(registry.publish("@made/tool", "1.2.3", {"package/dist/tool": "x"}))
    with pytest.raises(ToolingError, match="layout has changed") as caught:
        part_tree(tmp_path, wanted, relocated=True)
    assert caught.value.reason == "part"


def test_a_library_that_the_base_lacks_is_named(registry: Registry, tmp_path: Path) -> None:
    git = Path("/usr/bin/git").read_bytes()
    wanted = described(registry.publish("@made/tool", "1.2.3", {"package/bin/tool": git}))
    with pytest.raises(ToolingError, match="libpcre2-8") as caught:
        part_tree(tmp_path, wanted, relocated=True)
    assert caught.value.reason == "library"
    # The host has it: there the same program runs as it came.
    assert (part_tree(tmp_path, wanted, relocated=False).path / "bin/tool").read_bytes() == git
