"""The program `python3 -I /agent/lib/bellhop/acp_driver <configuration below HOME> [--continue]`; the prompt is its standard input."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    here = Path(__file__).absolute().parent
    # A directory that is run has no package of its own; its modules import each other as one. `site` holds the protocol's
    # own SDK and what it needs, ahead of anything that the interpreter brings itself.
    sys.path[0:1] = [str(here.parent / "site"), str(here.parent)]
    sys.exit(importlib.import_module(f"{here.name}.main").main(sys.argv))
