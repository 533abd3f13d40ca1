"""The program `python3 -I /agent/lib/bellhop/runner/service ORDER`: PID 1 of a service's container."""

import importlib
import os
import sys

if __name__ == "__main__":
    # A directory that is run has no package of its own; this one is a part of the runner's.
    runner = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - as the runner's own start
    sys.path[0] = os.path.dirname(runner)  # noqa: PTH120
    sys.exit(importlib.import_module(os.path.basename(runner) + ".service.main").main())  # noqa: PTH119
