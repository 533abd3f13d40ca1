"""One recorded act of an agent, the same for every CLI."""

from __future__ import annotations

from typing import Any, Literal

from app.core.noun import Noun

StepKind = Literal[
    "message", "reasoning", "tool_call", "tool_result", "file_change", "plan", "usage", "error", "denied", "log"
]


class Step(Noun):
    """`text` is what a person reads (untrusted, always shown as text); `data` holds the rest as JSON.

    `denied` is the gateway's own word: what the sandbox asked for at its door and did not get.
    """

    kind: StepKind
    text: str = ""
    data: dict[str, Any] = {}
