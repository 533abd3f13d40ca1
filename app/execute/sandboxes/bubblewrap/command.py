"""The command line that starts one bubblewrap sandbox; pure.

Outermost first: `setsid --fork` detaches; `unshare --mount` (as root) makes a mount namespace of the host side, so
that the overlays of /workspace and HOME vanish with the last process that uses them; the launch script joins the control
groups and mounts the overlays; `prlimit` sets limits; `bwrap` makes the namespaces and execs what follows as PID 1;
`sh` points the standard streams at /dev/null, so that no sandbox holds a file of the host; `setpriv` (as root)
becomes the sandbox's uid with no capability left; then the spec's own argv.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import NamedTuple

from app.execute.sandboxes import places
from app.execute.sandboxes.bubblewrap.binds import Host
from app.execute.sandboxes.bubblewrap.record import Room
from app.ports import SandboxSpec

LAUNCH = """
set -e
echo $$ > "$1"; exec 3>> "$2"; shift 2
while [ "$1" != -- ]; do echo 0 > "$1/cgroup.procs"; shift; done; shift
for place in workspace home; do if [ -n "$1" ]; then mount -t overlay overlay -o "$1" "$2"; fi; shift 2; done
exec "$@"
"""
STATUS_DESCRIPTOR = "3"


class Plan(NamedTuple):
    """What differs from host to host: `root` is whether we are root, `overlay` the mount options or None, `home_overlay` those
    of HOME.

    `workspace` is the directory shown at /workspace, `home` the one shown at HOME; `processes` is a limit by uid, None where a control group
    holds it; `no_nested_users` whether this bwrap can forbid further user namespaces.
    """

    root: bool
    host: Host
    tooling_binds: tuple[tuple[str, str], ...]
    cgroups: tuple[str, ...]
    overlay: str | None
    home_overlay: str | None
    workspace: str
    home: str
    open_files: int
    processes: int | None
    no_nested_users: bool


Build = Callable[[SandboxSpec, Room, Plan], list[str]]


def command(spec: SandboxSpec, room: Room, plan: Plan) -> list[str]:
    """Return the whole command line, for a process that does not wait."""
    namespace = ["unshare", "--mount", "--propagation", "private", "--"] if plan.root else []
    launch = ["/bin/sh", "-c", LAUNCH, "bellhop-launch", str(room.launcher), str(room.status), *plan.cgroups, "--"]
    mount = [plan.overlay or "", str(room.workspace), plan.home_overlay or "", str(room.home)]
    streams = ["/bin/sh", "-c", 'exec "$@" >/dev/null 2>&1 </dev/null', "bellhop"]
    return [
        "setsid", "--fork", *namespace, *launch, *mount, *_prlimit(spec, plan), *_bwrap(spec, room, plan), "--",
        *streams, *_setpriv(spec, plan), *spec.argv,
    ]


def _prlimit(spec: SandboxSpec, plan: Plan) -> list[str]:
    file_bytes = spec.container.disk_mb * 1024 * 1024
    limits = [
        "prlimit", "--core=0:0", f"--fsize={file_bytes}:{file_bytes}", f"--nofile={plan.open_files}:{plan.open_files}",
    ]
    return [*limits, f"--nproc={plan.processes}:{plan.processes}"] if plan.processes is not None else limits


def _setpriv(spec: SandboxSpec, plan: Plan) -> list[str]:
    if not plan.root:
        return []
    return [
        "/usr/bin/setpriv", f"--reuid={spec.uid}", f"--regid={spec.uid}", "--clear-groups", "--no-new-privs",
        "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--",
    ]


def _bwrap(spec: SandboxSpec, room: Room, plan: Plan) -> list[str]:
    box = spec.container
    arguments = [
        "bwrap", "--json-status-fd", STATUS_DESCRIPTOR, "--as-pid-1", "--hostname", places.HOSTNAME,
        "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
    ]
    if not plan.root:
        arguments += ["--unshare-user", "--uid", str(spec.uid), "--gid", str(spec.uid)]
        arguments += ["--disable-userns"] if plan.no_nested_users else []
    arguments += ["--clearenv"]
    for name, value in places.environment(spec.env).items():
        arguments += ["--setenv", name, value]
    # A directory that bwrap makes on the way to a destination is 0700, and root's: make each one before, for all.
    for directory in _parents(["/etc/x", "/home/x", "/var/x", "/run/x", *(place for _, place in _shown(plan))]):
        arguments += ["--perms", "0755", "--dir", directory]
    for source, destination in _shown(plan):
        arguments += ["--ro-bind", source, destination]
    for directory in plan.host.hidden:
        arguments += ["--perms", "0755", "--size", "4096", "--tmpfs", directory, "--remount-ro", directory]
    for target, name in plan.host.links:
        arguments += ["--symlink", target, name]
    arguments += [
        "--ro-bind", str(room.passwd), "/etc/passwd", "--ro-bind", str(room.group), "/etc/group",
        "--proc", "/proc", "--dev", "/dev",
        "--perms", "1777", "--size", str(places.SHM_BYTES), "--tmpfs", places.SHM,
        "--perms", "1777", "--size", str(box.tmp_mb * 1024 * 1024), "--tmpfs", places.TMP,
        "--ro-bind", spec.tooling, places.AGENT,
        *(word for name, tree in sorted(spec.parts.items()) for word in ("--ro-bind", tree, places.part(name))),
        "--ro-bind", str(spec.door), places.GATEWAY,
        "--bind", plan.workspace, places.WORKSPACE,
        "--bind", plan.home, places.HOME,
        "--remount-ro", "/dev", "--remount-ro", "/",
        "--chdir", places.WORKSPACE,
    ]
    return arguments


def _shown(plan: Plan) -> tuple[tuple[str, str], ...]:
    return (*plan.host.shown, *plan.tooling_binds)


def _parents(destinations: list[str]) -> list[str]:
    """Return every directory above the destinations, the outer before the inner."""
    above = {str(parent) for destination in destinations for parent in PurePosixPath(destination).parents}
    return sorted(above - {"/"}, key=lambda directory: (directory.count("/"), directory))
