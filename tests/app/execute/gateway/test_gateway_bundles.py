"""The bundle that a runner sends, over real sockets."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.app.execute.gateway.house import House, eventually

OCTETS = {"content-type": "application/octet-stream"}


def test_a_bundle_is_kept_and_can_be_sent_again(house: House) -> None:
    sandbox_id = house.sandbox()
    door = house.claimed(sandbox_id)
    kept = house.settings.state_dir / "bundles" / sandbox_id
    for content in (b"first", b"s" * 3_000_000):
        assert door.post("/runner/bundle", content=content, headers=OCTETS).status_code == 204
        assert hashlib.sha256(kept.read_bytes()).digest() == hashlib.sha256(content).digest()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in kept.parent.iterdir()] == [sandbox_id]


def test_a_bundle_over_its_limit_leaves_nothing(house: House) -> None:
    sandbox_id = house.sandbox(bundle_limit_bytes=1000)
    door = house.claimed(sandbox_id)
    assert door.post("/runner/bundle", content=b"x" * 1000, headers=OCTETS).status_code == 204
    answer = door.post("/runner/bundle", content=b"x" * 1001, headers=OCTETS)
    assert (answer.status_code, answer.json()) == (413, {"reason": "bundle_too_large"})
    unannounced = door.post("/runner/bundle", content=(b"x" for _ in range(3)), headers=OCTETS)
    assert unannounced.status_code == 411
    assert door.post("/runner/bundle", content=b"x", headers={"content-type": "text/plain"}).status_code == 415
    kept = house.settings.state_dir / "bundles" / sandbox_id
    assert kept.read_bytes() == b"x" * 1000
    assert len(list(kept.parent.iterdir())) == 1


def test_a_bundle_cut_short_leaves_nothing(house: House) -> None:
    sandbox_id = house.sandbox()
    door = house.claimed(sandbox_id)
    bundles = house.settings.state_dir / "bundles"
    seen: list[int] = []

    def cut() -> Any:
        yield b"x" * 2_000_000
        eventually(lambda: len(list(bundles.iterdir())) == 1)
        seen.append(1)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        door.post("/runner/bundle", content=cut(), headers={**OCTETS, "content-length": "9000000"})
    eventually(lambda: list(bundles.iterdir()) == [])
    assert seen == [1]


def test_a_link_in_the_bundles_place_is_not_followed(house: House) -> None:
    sandbox_id = house.sandbox()
    victim = house.settings.state_dir / "victim"
    victim.write_text("untouched")
    (house.settings.state_dir / "bundles" / sandbox_id).symlink_to(victim)
    assert house.claimed(sandbox_id).post("/runner/bundle", content=b"x", headers=OCTETS).status_code == 204
    assert victim.read_text() == "untouched"


def test_no_bundle_is_taken_where_none_is_wanted(house: House) -> None:
    door = house.claimed(house.sandbox(role="verify", base_commit=None))
    answer = door.post("/runner/bundle", content=b"x", headers=OCTETS)
    assert (answer.status_code, answer.json()) == (409, {"reason": "no_bundle_wanted"})
