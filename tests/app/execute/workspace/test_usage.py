"""T60, R16: what a sandbox has written is measured whatever shape it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.execute.workspace.usage import used_mb


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    for name in ("upper", "home"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_both_places_count_and_a_link_leads_nowhere(scratch: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "big").write_bytes(b"x" * (30 << 20))
    (scratch / "home" / "link").symlink_to(elsewhere)
    (scratch / "upper" / "a").write_bytes(b"x" * (3 << 20))
    (scratch / "home" / "b").write_bytes(b"x" * (2 << 20))
    assert used_mb(scratch) in (5, 6)


def test_a_hole_takes_nothing(scratch: Path) -> None:
    with (scratch / "upper" / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    assert used_mb(scratch) in (0, 1)


def test_depth_and_names_are_no_way_to_hide(scratch: Path) -> None:
    deep = scratch / "upper" / "-x" / "a\nb\t9"
    for _ in range(10):
        deep = deep / ("d" * 100)
    deep.mkdir(parents=True)
    (deep / "big").write_bytes(b"x" * (3 << 20))
    assert used_mb(scratch) in (3, 4)


def test_what_is_not_there_cannot_be_told(tmp_path: Path) -> None:
    assert used_mb(tmp_path / "none") is None
