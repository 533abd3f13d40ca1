"""Checks of the port's own duties: workspace, exit codes, stop, attach, find, destroy."""

from __future__ import annotations

import json
import time
from typing import cast

from app.errors import SandboxRefused
from app.execute.sandboxes.conformance.lab import Cell, Check, CheckFailed, Lab
from app.ports import Handle

FOREVER = "while :; do $B sleep 1; done"


def workspace_is_an_overlay(lab: Lab) -> None:
    """T62, T40: the checkout shows and may be changed; the checkout itself stays, and a neighbour sees nothing."""
    first = lab.start(
        """
        [ "$(cat given.txt 2>/dev/null || $B cat given.txt)" = given ] || exit 11
        [ "$($B pwd)" = /workspace ] || exit 12
        echo changed > given.txt && echo new > new.txt && $B mkdir d || exit 13
        """
    )
    meanings = {11: "the checkout does not show", 12: "it does not start in /workspace", 13: "it is not writable"}
    first.expect(meanings)
    lower = first.spec.workspace.lower
    if (lower / "given.txt").read_text() != "given\n" or sorted(path.name for path in lower.iterdir()) != ["given.txt"]:
        raise CheckFailed("the checkout below was changed")
    place = lab.place(f"{first.spec.id}-neighbour")
    lab.start(
        '[ "$($B cat given.txt)" = given ] || exit 14; [ ! -e new.txt ] || exit 14; [ ! -e $HOME/mine ] || exit 15',
        workspace=lab.workspace(place, lower),
    ).expect({14: "a neighbour's changes show", 15: "a neighbour's HOME shows"})


def home_is_kept_apart(lab: Lab) -> None:
    """HOME is writable, of its own, and not below /workspace."""
    cell = lab.start("echo x > $HOME/mine || exit 11; [ ! -e /workspace/mine ] || exit 12; $B ls /home | $B wc -l > /tmp/n; "
                     "[ $($B cat /tmp/n) = 1 ] || exit 13")
    cell.expect({11: "HOME is not writable", 12: "HOME is the workspace", 13: "there are other homes"})
    if not (cell.spec.workspace.scratch / "home" / "mine").is_file():
        raise CheckFailed("HOME is not kept in the scratch directory")


def exit_code_is_told(lab: Lab) -> None:
    """The command's exit code comes back."""
    status = lab.start("exit 7").wait()
    if (status.state, status.exit_code, status.out_of_memory) != ("exited", 7, False):
        raise CheckFailed(f"`exit 7` is told as {status!r}")


def stop_asks_first(lab: Lab) -> None:
    """A command that minds TERM ends in its own way."""
    cell = lab.start("trap 'exit 5' TERM; echo up > /workspace/up; while :; do $B sleep 0.1; done")
    _settle(cell)
    lab.backend.stop(cell.handle, 20)
    status = cell.status()
    if (status.state, status.exit_code) != ("exited", 5):
        raise CheckFailed(f"a command that handles TERM ended as {status!r}")


def stop_kills_after_the_grace(lab: Lab) -> None:
    """R22: a command that ignores TERM is killed once the grace is over, and all else inside with it."""
    cell = lab.start("trap '' TERM; $B setsid $B sleep 600 & " + FOREVER)
    began = time.monotonic()
    lab.backend.stop(cell.handle, 1)
    took = time.monotonic() - began
    if cell.status().state == "running":
        raise CheckFailed("it runs on after stop")
    if took > 12:
        raise CheckFailed(f"stopping took {took:.0f} s with a grace of 1 s")


def create_twice_is_once(lab: Lab) -> None:
    """The second call finds the first sandbox, also when it has ended: nothing runs twice."""
    cell = lab.start("echo x >> /workspace/count; exit 3")
    if lab.backend.create(cell.spec) != cell.handle:
        raise CheckFailed("the second handle is another")
    if cell.wait().exit_code != 3:
        raise CheckFailed("its exit code is lost")
    again = lab.another_worker().create(cell.spec)
    status = lab.backend.poll(again)
    size = _written(cell, "count")
    if (status.state, status.exit_code) != ("exited", 3) or size != 2:
        raise CheckFailed(f"it ran again: {status!r}, {size} bytes written")


def another_worker_attaches(lab: Lab) -> None:
    """R1: a new backend object, as in a new process, goes on from the handle alone, through JSON."""
    cell = lab.start(FOREVER)
    handle = cast("Handle", json.loads(json.dumps(cell.handle)))
    other = lab.another_worker()
    if other.poll(handle).state != "running":
        raise CheckFailed("the new worker does not see it run")
    other.stop(handle, 0)
    if other.poll(handle).state == "running":
        raise CheckFailed("the new worker cannot stop it")
    other.destroy(handle)
    if cell.status().state != "gone":
        raise CheckFailed("what the new worker destroyed is still there")


def find_lists_what_exists(lab: Lab) -> None:
    """R44: every sandbox is found by its id, with a handle that works, and not after its end."""
    cells = [lab.start(FOREVER), lab.start("exit 0")]
    cells[1].wait()
    found = lab.another_worker().find()
    missing = [cell.spec.id for cell in cells if cell.spec.id not in found]
    if missing:
        raise CheckFailed(f"not found: {missing}")
    for cell in cells:
        lab.backend.destroy(found[cell.spec.id])
    left = [cell.spec.id for cell in cells if cell.spec.id in lab.backend.find() or cell.status().state != "gone"]
    if left:
        raise CheckFailed(f"still there after destroy: {left}")


def destroy_twice_is_fine(lab: Lab) -> None:
    """Destroying, stopping and polling one that is gone is no error."""
    cell = lab.start(FOREVER)
    for _ in range(2):
        lab.backend.destroy(cell.handle)
    lab.backend.stop(cell.handle, 0)
    if cell.status().state != "gone":
        raise CheckFailed(f"after destroy it is {cell.status()!r}")


def lifetime_is_the_sweepers(lab: Lab) -> None:
    """A backend does not end a sandbox at its TTL; the sweeper does, by the ledger."""
    lab.start("$B sleep 0.5; exit 0", ttl_seconds=0.01).expect({})


def root_is_refused(lab: Lab) -> None:
    """A sandbox for uid 0 is not started."""
    spec = lab.spec("exit 0", uid=0)
    try:
        handle = lab.backend.create(spec)
    except SandboxRefused:
        return
    lab.backend.destroy(handle)
    raise CheckFailed("a sandbox was started as root")


def _settle(cell: Cell) -> None:
    """Wait until the command has set itself up, which it shows by a file named `up`."""
    deadline = time.monotonic() + 20
    while _written(cell, "up") == 0:
        if time.monotonic() > deadline:
            raise CheckFailed("the command did not start")
        time.sleep(0.02)


def _written(cell: Cell, name: str) -> int:
    """Return the size of a file in the workspace, wherever the backend keeps what is written; never its content."""
    for layer in ("upper", "copy"):
        try:
            return (cell.spec.workspace.scratch / layer / name).lstat().st_size
        except FileNotFoundError:
            continue
    return 0


CHECKS = (
    Check("workspace_is_an_overlay", None, workspace_is_an_overlay),
    Check("home_is_kept_apart", None, home_is_kept_apart),
    Check("exit_code_is_told", None, exit_code_is_told),
    Check("stop_asks_first", None, stop_asks_first),
    Check("stop_kills_after_the_grace", None, stop_kills_after_the_grace),
    Check("create_twice_is_once", None, create_twice_is_once),
    Check("another_worker_attaches", None, another_worker_attaches),
    Check("find_lists_what_exists", None, find_lists_what_exists),
    Check("destroy_twice_is_fine", None, destroy_twice_is_fine),
    Check("lifetime_is_the_sweepers", None, lifetime_is_the_sweepers),
    Check("root_is_refused", None, root_is_refused),
)
