from __future__ import annotations

import time
from pathlib import Path

import pytest

from app.core.profile import Container
from app.errors import SandboxUnavailable
from app.execute.sandboxes.fake import FakeSandboxes, Kind
from app.ports import PreparedWorkspace, SandboxSpec


def spec(sandbox_id: str = "r-work") -> SandboxSpec:
    here = Path("/nowhere")
    return SandboxSpec(
        id=sandbox_id, run_id="r", door=here, workspace=PreparedWorkspace(lower=here, scratch=here, base_commit="0" * 40),
        tooling="x", container=Container(), uid=10_001, argv=("true",), ttl_seconds=1,
    )


@pytest.mark.parametrize(
    ("kind", "state", "exit_code"),
    [("ends", "exited", 0), ("never_ends", "running", None), ("dies", "exited", 137), ("vanishes", "gone", None)],
)
def test_each_kind_misbehaves_in_its_own_way(kind: Kind, state: str, exit_code: int | None) -> None:
    fake = FakeSandboxes(kind)
    status = fake.poll(fake.create(spec()))
    assert (status.state, status.exit_code) == (state, exit_code)


def test_one_that_never_ends_is_stopped_and_destroyed() -> None:
    fake = FakeSandboxes("never_ends")
    handle = fake.create(spec())
    assert fake.create(spec()) == handle
    assert set(fake.find()) == {"r-work"}
    fake.stop(handle, 1)
    assert fake.poll(handle).state == "exited"
    fake.destroy(handle)
    fake.destroy(handle)
    assert (fake.find(), fake.poll(handle).state) == ({}, "gone")
    assert (fake.created, fake.stopped, fake.destroyed) == (["r-work"], ["r-work"], ["r-work"])


def test_a_slow_one_takes_its_time() -> None:
    fake = FakeSandboxes("slow", start_seconds=0.05)
    began = time.monotonic()
    fake.create(spec())
    assert time.monotonic() - began >= 0.05


def test_the_unavailable_kind_refuses_everything() -> None:
    fake = FakeSandboxes("unavailable")
    for call in (fake.check, fake.find, lambda: fake.create(spec()), lambda: fake.poll({"id": "x"})):
        with pytest.raises(SandboxUnavailable):
            call()


def test_a_limit_that_struck_is_told() -> None:
    fake = FakeSandboxes("out_of_memory")
    assert fake.poll(fake.create(spec())).out_of_memory
