"""Checks of the limits: each is reached on purpose, and what is inside the limit must work."""

from __future__ import annotations

from app.execute.sandboxes.conformance.lab import Check, CheckFailed, Lab

MEMORY_TRIES = 3


def fork_bomb_is_contained(lab: Lab) -> None:
    """R19, T60: far more processes than the limit do not come to be; the sandbox may end for it."""
    script = """
    ( i=0; while [ $i -lt 1500 ]; do $B sleep 60 & i=$((i+1)); done; exit 0 ) 2>/dev/null && exit 11
    exit 0
    """
    status = lab.start(script, container=lab.container(pids=64, memory_mb=1024)).wait()
    if status.state != "exited" or status.exit_code == 11:
        raise CheckFailed(f"1500 processes were started under a limit of 64: {status!r}")


def processes_within_the_limit(lab: Lab) -> None:
    """A quarter of the limit is to be had."""
    lab.start(
        """
        ( i=0; while [ $i -lt 16 ]; do $B sleep 5 & i=$((i+1)); done; exit 0 ) 2>/dev/null || exit 11
        exit 0
        """,
        container=lab.container(pids=64),
    ).expect({11: "16 processes cannot be started under a limit of 64"})


def memory_limit_kills(lab: Lab) -> None:
    """R17: who passes the memory limit dies, and that is told.

    The first time, but with a kernel of its own (gVisor): there the engine hears of the kill from who watches the group from
    outside, and on a host under load that was seen to come too late once. One that never tells in a few tries fails all the same.
    """
    for _ in range(MEMORY_TRIES if "own_kernel" in lab.backend.guarantees else 1):
        status = lab.start(
            "exec $B awk 'BEGIN { x = \"0123456789abcdef\"; while (length(x) < 512 * 1024 * 1024) x = x x; exit 11 }'",
            container=lab.container(memory_mb=64),
        ).wait()
        if status.exit_code == 11:
            raise CheckFailed("512 MB were had under a limit of 64 MB")
        if status.out_of_memory:
            return
    raise CheckFailed(f"it died of its memory limit, and nobody is told: {status!r}")


def memory_limit_of_a_child_is_told(lab: Lab) -> None:
    """R18: a child dies of the memory limit; the main process may go on, and the kill is told all the same."""
    status = lab.start(
        "$B awk 'BEGIN { x = \"0123456789abcdef\"; while (length(x) < 512 * 1024 * 1024) x = x x; exit 0 }' && exit 11\n"
        "exit 0",
        container=lab.container(memory_mb=64),
    ).wait()
    if status.exit_code == 11:
        raise CheckFailed("512 MB were had under a limit of 64 MB")
    if not status.out_of_memory:
        raise CheckFailed(f"a child died of the memory limit, and nobody is told: {status!r}")


def cpu_limit_slows(lab: Lab) -> None:
    """The same work takes at least twice as long on a tenth of a CPU (by the sandbox's own clock)."""
    free, slow = (_work_units(lab, cpus) for cpus in (2.0, 0.1))
    if slow < 2 * max(free, 1):
        raise CheckFailed(f"work takes {free / 20} s freely and {slow / 20} s on a tenth of a CPU")


def tmp_is_bounded(lab: Lab) -> None:
    """Its /tmp takes what it should, and no more."""
    lab.start(
        """
        $B dd if=/dev/zero of=/tmp/small bs=1M count=2 2>/dev/null || exit 12
        $B dd if=/dev/zero of=/tmp/big bs=1M count=12 2>/dev/null && exit 11
        exit 0
        """,
        container=lab.container(tmp_mb=8, disk_mb=64),
    ).expect({11: "it took more than its size", 12: "it takes nothing"})


def one_file_is_bounded(lab: Lab) -> None:
    """One file does not grow past the disk limit."""
    lab.start(
        """
        $B dd if=/dev/zero of=/workspace/small bs=1M count=2 2>/dev/null || exit 12
        ( $B dd if=/dev/zero of=/workspace/big bs=1M count=24 ) 2>/dev/null && exit 11
        exit 0
        """,
        container=lab.container(disk_mb=16),
    ).expect({11: "a file grew past the limit", 12: "the workspace takes nothing"})


def _work_units(lab: Lab, cpus: float) -> int:
    """Return how long a fixed piece of work takes, in twentieths of a second (an exit code holds no more)."""
    cell = lab.start(
        """
        t() { read a rest < /proc/uptime; echo ${a%.*}${a#*.} | $B sed 's/^0*//'; }
        s=$(t); i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; e=$(t)
        d=$(( (e - s) / 5 )); [ $d -gt 200 ] && d=200
        exit $d
        """,
        container=lab.container(cpus=cpus),
    )
    code = cell.wait().exit_code
    if code is None or code > 200:
        raise CheckFailed(f"the measuring probe broke off with {code}")
    return code


CHECKS = (
    Check("fork_bomb_is_contained", "pids_limit", fork_bomb_is_contained),
    Check("processes_within_the_limit", "pids_limit", processes_within_the_limit),
    Check("memory_limit_kills", "memory_limit", memory_limit_kills),
    Check("memory_limit_of_a_child_is_told", "memory_limit", memory_limit_of_a_child_is_told),
    Check("cpu_limit_slows", "cpu_limit", cpu_limit_slows),
    Check("tmp_is_bounded", "tmp_limit", tmp_is_bounded),
    Check("one_file_is_bounded", None, one_file_is_bounded),
)
