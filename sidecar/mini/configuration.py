"""What mini is asked to do: the JSON file that its adapter writes (app/execute/agents/mini.py)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Configuration:
    """`base_url` is the vendor's prefix at the door; `step_limit` bounds requests to the model."""

    vendor: str
    model: str
    base_url: str
    task: str
    step_limit: int
    command_timeout_seconds: int
    max_output_tokens: int


def read_configuration(path: Path) -> Configuration:
    """Read the file. Raises OSError, ValueError or TypeError when it is not what the adapter writes."""
    return Configuration(**json.loads(path.read_text(encoding="utf-8")))
