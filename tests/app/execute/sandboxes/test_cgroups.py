from __future__ import annotations

from pathlib import Path

import pytest

from app.execute.sandboxes import cgroups
from app.execute.sandboxes.cgroups import Hierarchy, Limits

FIRST = """\
30 29 0:26 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
31 29 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
32 29 0:28 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
33 29 0:29 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
"""
SECOND = "30 29 0:26 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
LIMITS = Limits(memory_bytes=64 * 1024 * 1024, pids=32, cpus=1.5)


def test_version_1_is_found_beside_an_empty_version_2() -> None:
    found = cgroups.find_hierarchy(FIRST)
    assert found.version == 1
    assert found.mounts == {
        "cpu": Path("/sys/fs/cgroup/cpu,cpuacct"), "memory": Path("/sys/fs/cgroup/memory"), "pids": Path("/sys/fs/cgroup/pids"),
    }


def test_version_2_is_found() -> None:
    found = cgroups.find_hierarchy(SECOND)
    assert (found.version, set(found.mounts), set(found.mounts.values())) == (
        2, {"memory", "pids", "cpu"}, {Path("/sys/fs/cgroup")}
    )


def test_a_host_without_control_groups_keeps_no_limit() -> None:
    found = cgroups.usable(cgroups.find_hierarchy("22 1 0:21 / /proc rw - proc proc rw\n"))
    assert (found, cgroups.kept(found)) == (Hierarchy(0, {}), frozenset())


def test_version_1_limits_are_written_per_controller(tmp_path: Path) -> None:
    found = Hierarchy(1, {name: tmp_path / name for name in ("memory", "pids", "cpu")})
    for place in found.mounts.values():
        place.mkdir()
    made = cgroups.make(found, "x", LIMITS)
    assert made == [tmp_path / name / "bellhop" / "x" for name in ("memory", "pids", "cpu")]
    assert (made[0] / "memory.limit_in_bytes").read_text() == str(64 * 1024 * 1024)
    assert (made[1] / "pids.max").read_text() == "32"
    assert (made[2] / "cpu.cfs_quota_us").read_text() == "150000"


def test_version_2_limits_are_written_in_one_group(tmp_path: Path) -> None:
    found = Hierarchy(2, dict.fromkeys(("memory", "pids", "cpu"), tmp_path))
    made = cgroups.make(found, "x", LIMITS)
    assert made == [tmp_path / "bellhop" / "x"]
    written = {file.name: file.read_text() for file in made[0].iterdir()}
    assert written == {
        "memory.max": str(64 * 1024 * 1024), "memory.swap.max": "0", "pids.max": "32", "cpu.max": "150000 100000",
    }


def test_version_2_controllers_that_cannot_be_had_are_not_declared(tmp_path: Path) -> None:
    # A directory in the file's place takes no writing, as the kernel refuses a controller it does not have.
    (tmp_path / "cgroup.subtree_control").mkdir()
    (tmp_path / "bellhop" / "cgroup.subtree_control").mkdir(parents=True)
    found = cgroups.usable(Hierarchy(2, dict.fromkeys(("memory", "pids", "cpu"), tmp_path)))
    assert cgroups.kept(found) == frozenset()


@pytest.mark.parametrize(
    ("file", "text", "kills"),
    [
        ("memory.events", "low 0\nhigh 0\nmax 9\noom 2\noom_kill 2\noom_group_kill 0\n", 2),
        ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", 1),
        ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n", 0),
    ],
)
def test_kills_are_counted_in_either_version(tmp_path: Path, file: str, text: str, kills: int) -> None:
    (tmp_path / file).write_text(text)
    assert cgroups.oom_kills(tmp_path) == kills


@pytest.mark.parametrize(
    ("mountinfo", "cgroup", "expected"),
    [
        (FIRST, "8:pids:/a\n4:memory:/docker/b\n0::/c\n", "/sys/fs/cgroup/memory/docker/b"),
        (SECOND, "0::/system.slice/docker-b.scope\n", "/sys/fs/cgroup/system.slice/docker-b.scope"),
        ("", "4:memory:/docker/b\n", None),
    ],
)
def test_a_process_is_found_in_its_memory_group(
    tmp_path: Path, mountinfo: str, cgroup: str, expected: str | None
) -> None:
    for pid, name, text in (("self", "mountinfo", mountinfo), ("7", "cgroup", cgroup)):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / name).write_text(text)
    assert cgroups.memory_directory(7, tmp_path) == (Path(expected) if expected else None)
