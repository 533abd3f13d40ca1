"""The program `python3 -I /agent/lib/bellhop/runner`: PID 1 of a sandbox."""

import ctypes

# Before anything else: from here on no process of the same user may read or write this one's memory
# (prctl(2), PR_SET_DUMPABLE = 4; ptrace(2) and /proc/<pid>/{mem,environ,fd} ask for it).
ctypes.CDLL(None, use_errno=True).prctl(4, 0, 0, 0, 0)

import importlib  # noqa: E402 - the guard above comes first
import os  # noqa: E402
import sys  # noqa: E402

if __name__ == "__main__":
    # A directory that is run has no package of its own; its modules import each other as one.
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib costs PID 1 milliseconds
    sys.path[0] = os.path.dirname(here)  # noqa: PTH120
    sys.exit(importlib.import_module(os.path.basename(here) + ".main").main())  # noqa: PTH119
