"""`bellhop sidecar lock`: the newest version, only once it has been built."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import ToolingError
from app.execute.tooling.parts import newest, part
from tests.app.execute.tooling.fake_registry import Registry
from tests.app.execute.tooling.test_tooling_part_build import FILES, described


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    place = tmp_path / "parts"
    place.mkdir()
    return place


@pytest.mark.parametrize(("source", "package", "suffix"), [("npm", "@made/tool", ""), ("npm", "@made/tool", "-linux-x64"), ("pypi", "made-tool", "")])
def test_the_newest_version_is_written_with_its_checksum(
    registry: Registry, directory: Path, tmp_path: Path, source: str, package: str, suffix: str
) -> None:
    publish = registry.publish if source == "npm" else registry.upload
    before = described(publish(package, f"1.2.3{suffix}", FILES), source=source, package=package, more=f'suffix = "{suffix}"  # kept')
    (directory / "tool.toml").write_text(before.text)
    newer = publish(package, f"1.10.0{suffix}", FILES)
    if suffix:
        registry.publish(package, "1.10.0", {})
    found = newest.lock("tool", tmp_path, directory)
    assert (found.before, found.after.version, found.after.checksum) == (before, "1.10.0", newer)
    assert part.load("tool", directory) == found.after
    assert "# kept" in found.after.text
    assert newest.lock("tool", tmp_path, directory).after == found.after


def test_a_newer_version_that_does_not_build_is_not_written(registry: Registry, directory: Path, tmp_path: Path) -> None:
    before = described(registry.publish("@made/tool", "1.2.3", FILES))
    (directory / "tool.toml").write_text(before.text)
    registry.publish("@made/tool", "2.0.0", {"package/elsewhere/tool": "x"})
    with pytest.raises(ToolingError, match="layout has changed"):
        newest.lock("tool", tmp_path, directory)
    assert part.load("tool", directory) == before


def test_a_package_that_the_registry_does_not_know_is_an_error(registry: Registry, directory: Path, tmp_path: Path) -> None:
    (directory / "tool.toml").write_text(described(registry.publish("@made/other", "1.2.3", FILES)).text)
    with pytest.raises(ToolingError):
        newest.lock("tool", tmp_path, directory)


def test_a_version_that_is_no_version_is_refused(registry: Registry, directory: Path, tmp_path: Path) -> None:
    (directory / "tool.toml").write_text(described(registry.publish("@made/tool", '1.0.0"\nlicence = "x', FILES)).text)
    with pytest.raises(ToolingError):
        newest.lock("tool", tmp_path, directory)
