"""Mini's own output: one JSON Step per line (app/core/step.py)."""

from __future__ import annotations

import json
import sys
from typing import Any


def emit(kind: str, text: str = "", **data: Any) -> None:
    """Print one Step."""
    sys.stdout.write(json.dumps({"kind": kind, "text": text, "data": data}, ensure_ascii=False) + "\n")
    sys.stdout.flush()
