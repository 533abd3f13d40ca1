"""Isolation levels and the guarantees each one publishes."""

from __future__ import annotations

from typing import Literal

Isolation = Literal["process", "container", "gvisor"]

# Weakest first: a profile that requires a level is never run below it.
LEVELS: tuple[Isolation, ...] = ("process", "container", "gvisor")

Guarantee = Literal[
    "no_network",        # no interface but loopback, no route, no resolver
    "own_processes",     # its own process namespace; nothing outlives it
    "own_root",          # sees only its image, /agent, /workspace, /gateway and its HOME
    "readonly_root",     # cannot write outside /workspace, HOME, /tmp
    "no_capabilities",   # empty capability sets, no_new_privs
    "unprivileged_user", # a real uid that is neither root nor the worker's
    "seccomp",           # a system-call filter is in force
    "pids_limit",
    "memory_limit",
    "cpu_limit",
    "tmp_limit",         # /tmp cannot fill the host
    "own_kernel",        # system calls are served by a kernel of its own (gVisor)
]


def at_least(level: Isolation, required: Isolation) -> bool:
    """Return whether `level` is as strong as `required` or stronger."""
    return LEVELS.index(level) >= LEVELS.index(required)
