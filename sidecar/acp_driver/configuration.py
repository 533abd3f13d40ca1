"""What the driver is told, by a file below HOME."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Configuration:
    """`command` starts the agent; `mode` is a session mode to set (empty: the agent's own); `mcp_url` are Bellhop's tools (empty: none)."""

    command: tuple[str, ...]
    mode: str = ""
    mcp_url: str = ""


def read_configuration(file: Path) -> Configuration:
    """Return what a file says. Raises OSError, ValueError, TypeError."""
    said = json.loads(file.read_text(encoding="utf-8"))
    return Configuration(**{**said, "command": tuple(said["command"])})
