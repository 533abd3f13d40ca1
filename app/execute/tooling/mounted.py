"""Whether a directory is shown in a running sandbox of this host, by what the kernel says of mounts."""

from __future__ import annotations

import re
from pathlib import Path

PROC = Path("/proc")


def mounted(name: str, proc: Path = PROC) -> bool:
    """Return whether a process that this user may look at has a directory of that name mounted.

    The fourth word of a line is the place within its file system: https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
    """
    wanted = re.compile(rf"^\S+ \S+ \S+ \S*/{re.escape(name)}(/\S*)? ", re.MULTILINE)
    for process in proc.glob("[0-9]*/mountinfo"):
        try:
            if wanted.search(process.read_text(encoding="utf-8", errors="replace")):
                return True
        except OSError:
            continue  # it has ended, or is somebody else's
    return False
