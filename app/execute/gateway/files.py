"""How many files and sockets the gateway may have open."""

from __future__ import annotations

import resource

# A sandbox can hold some six hundred: its connections, its tunnels' other ends, what is asked for it outside, files.
_WANTED = 65_536


def raise_file_limit() -> int:
    """Let this process open as many files as it is allowed to, 65,536 at most, and return how many that is.

    Many systems start a process with 1024, which two sandboxes could use up between them, with every other run waiting.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(hard, _WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return soft
