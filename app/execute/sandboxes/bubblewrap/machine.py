"""What this host has for bubblewrap sandboxes, found by looking and by one trial."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from app.core.isolation import Guarantee
from app.errors import SandboxUnavailable
from app.execute.sandboxes import cgroups

TRIAL_TIMEOUT_SECONDS = 20.0
_ALWAYS: frozenset[Guarantee] = frozenset(
    {"no_network", "own_processes", "own_root", "readonly_root", "no_capabilities", "tmp_limit"}
)
_AS_ROOT: frozenset[Guarantee] = frozenset({"unprivileged_user", "pids_limit"})


class Machine(NamedTuple):
    """`root` is whether we may use real uids, overlays and control groups; `groups` what we may set limits in."""

    root: bool
    groups: cgroups.Hierarchy

    @property
    def guarantees(self) -> frozenset[Guarantee]:
        """What sandboxes here keep: without root no real uid of their own and no limits. The
        system-call filter is the runner's own, so it is not declared here.

        As root without a pids group, the uid's own process limit stands in for it.
        """
        if not self.root:
            return _ALWAYS
        return _ALWAYS | _AS_ROOT | cgroups.kept(self.groups)


def look() -> Machine:
    """Return what this host has; makes the parent control groups where that is allowed."""
    if os.geteuid() != 0:
        return Machine(root=False, groups=cgroups.Hierarchy(0, {}))
    return Machine(
        root=True, groups=cgroups.usable(cgroups.find_hierarchy(Path("/proc/self/mountinfo").read_text()))
    )


def require(machine: Machine) -> str:
    """Return bubblewrap's version after a trial. Raises SandboxUnavailable with how to mend it."""
    needed = ["bwrap", "setsid", "prlimit", *(["unshare", "setpriv", "mount"] if machine.root else [])]
    missing = [name for name in needed if shutil.which(name) is None]
    if missing:
        raise SandboxUnavailable(
            f"not installed: {', '.join(missing)}; on Debian and Ubuntu run `apt-get install bubblewrap util-linux mount`",
            reason="bubblewrap_missing", retryable=False,
        )
    user = [] if machine.root else ["--unshare-user"]
    trial = _run(
        ["bwrap", *user, "--unshare-pid", "--unshare-net", "--as-pid-1", "--perms", "1777", "--size", "65536", "--tmpfs",
         "/tmp", "--ro-bind", "/", "/host", "--proc", "/proc", "--dev", "/dev", "--symlink", "host/usr", "/usr",  # noqa: S108
         "--symlink", "host/lib", "/lib", "--symlink", "host/lib64", "/lib64", "--", "/usr/bin/env", "true"]
    )
    if trial.returncode != 0:
        raise SandboxUnavailable(
            f"bubblewrap cannot start here: {trial.stderr.strip()[:300]}; {_mend(machine)}",
            reason="bubblewrap_trial", retryable=False,
        )
    return _run(["bwrap", "--version"]).stdout.strip()


def can_forbid_nested_users() -> bool:
    """Return whether this bwrap knows `--disable-userns` (0.8.0 and later)."""
    return "--disable-userns" in _run(["bwrap", "--help"]).stdout


def _mend(machine: Machine) -> str:
    restricted = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
    if not machine.root and restricted.exists() and restricted.read_text().strip() == "1":
        return (
            "AppArmor restricts user namespaces (Ubuntu 23.10 and later): give bwrap a profile that allows `userns`, or "
            "run `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`, or start Bellhop as root"
        )
    if not machine.root:
        return "allow unprivileged user namespaces (`sysctl -w kernel.unprivileged_userns_clone=1`) or start Bellhop as root"
    return "this machine does not allow new namespaces, as inside most containers: run Bellhop on the host itself"


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=TRIAL_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise SandboxUnavailable(f"`{command[0]}` did not answer in {TRIAL_TIMEOUT_SECONDS:.0f} s") from error
