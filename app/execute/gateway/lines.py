"""From the runner's lines to Steps: pure, and no line is ever lost."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException

from app.core.assignment import Role
from app.core.step import Step
from app.ports import AgentAdapter

STREAMS = ("stdout", "stderr", "runner")

# What no database or UTF-8 encoder takes: NUL, and halves of surrogate pairs.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Batch(NamedTuple):
    """`lines` are (stream, text); `first` is the number of the first one."""

    first: int
    lines: list[tuple[str, str]]


def clean(text: str) -> str:
    """Return `text` with what cannot be stored replaced by U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def parse_batch(body: dict[str, Any]) -> Batch:
    """Check a batch of lines. Raises HTTPException (400) with what is wrong."""
    first, lines = body.get("first"), body.get("lines")
    if type(first) is not int or not 0 <= first < 2**62:
        raise HTTPException(400, "`first` is not a line number")
    if not isinstance(lines, list):
        raise HTTPException(400, "`lines` is not a list")
    checked = []
    for line in lines:
        if not isinstance(line, dict) or line.get("stream") not in STREAMS or not isinstance(line.get("text"), str):
            raise HTTPException(400, "a line is not {\"stream\": stdout|stderr|runner, \"text\": ...}")
        checked.append((line["stream"], clean(line["text"])))
    return Batch(first, checked)


def to_steps(adapter: AgentAdapter | None, role: Role, stream: str, text: str) -> list[Step]:
    """Return the Steps of one line; a line that the adapter cannot take becomes a log Step."""
    if stream == "runner":
        return [Step(kind="log", text=text, data={"stream": stream})]
    if role != "work":
        return [Step(kind="log", text=text, data={"stream": stream, "role": role})]
    if adapter is None:
        return [Step(kind="log", text=text, data={"stream": stream})]
    try:
        steps = [_own(step, stream) for step in adapter.parse(stream, text)]
        for step in steps:
            # An agent's JSON can hold what has no UTF-8 form; it must not fail the whole batch when it is stored.
            step.model_dump_json()
    except Exception as error:  # a hostile line may break a parser in any way, and must not be lost by it
        return [Step(kind="log", text=text, data={"stream": stream, "unparsed": type(error).__name__})]
    return steps


def _own(step: Step, stream: str) -> Step:
    # An agent may print the form of any step; that something was denied is the gateway's word, never the agent's.
    said = step if step.kind != "denied" else step.model_copy(update={"kind": "log"})
    # Nor does it say who speaks: where a turn begins is read from the runner's own lines (app/core/sandbox/turn.py).
    return said if said.data.get("stream", stream) == stream else said.model_copy(update={"data": said.data | {"stream": stream}})
