"""What the agent CLIs have in common: they print one JSON object per line, and their turns begin and end. Pure.

Each adapter marks the Steps at which a turn of its agent begins and ends with `data["turn"]`: `began`, `completed` or `failed`.
A test suite, or whatever else runs beside the agent under the same user, can print such lines too; so nothing here decides more than
what is shown, and whether the agent *says* that it ended well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic_core import from_json

from app.core.assignment import SandboxEnd
from app.core.step import Step, StepKind

TEXT_CHARS = 16_000
# One line may hold many blocks; a real one holds few.
STEPS_PER_LINE = 50
# The runner cuts long lines and says so at their end: sidecar/runner/lines.py.
_CUT = re.compile(r" \[\.\.\. \d+ more bytes cut\]\Z")

# The gateway's own answer (app/execute/gateway/model_api.py), as every CLI repeats it; and its kind, which none of them does.
_SAYS_NO_KEY = "this Bellhop has no key for "
_NO_KEY = "bellhop_no_key"

Turn = Literal["began", "completed", "failed"]


def event_of(stream: str, line: str) -> dict[str, Any] | None:
    """Return the JSON object that a line of standard output is, or None.

    Of a line that the runner has cut, what came before the cut is returned: an end that is told with too many words is an end.
    """
    if stream != "stdout" or not line.startswith("{"):
        return None
    whole, cuts = _CUT.subn("", line)
    try:
        found = from_json(whole, allow_inf_nan=False, allow_partial="trailing-strings" if cuts else False)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def steps_of(
    stream: str, line: str, read: Callable[[dict[str, Any]], list[Step] | None], begins: Callable[[dict[str, Any]], bool]
) -> list[Step]:
    """Return the Steps that `read` makes of a line's event; what it makes nothing of is a log Step, marked where a turn `begins` by it."""
    event = event_of(stream, line)
    found = read(event) if event is not None else None
    return found if found is not None else [log(stream, line, "began" if event is not None and begins(event) else None)]


def log(stream: str, line: str, turn: Turn | None = None) -> Step:
    """Return a line that says nothing to people, as it came."""
    return Step(kind="log", text=line, data={"stream": stream} | ({"turn": turn} if turn else {}))


def step(kind: StepKind, text: object = "", turn: Turn | None = None, **data: Any) -> Step:
    """Return a Step of bounded size; members of `data` that are None are left out."""
    kept = {name: bounded(value) for name, value in data.items() if value is not None}
    said = words(text)
    code = {"code": _NO_KEY} if kind == "error" and _SAYS_NO_KEY in said else {}
    return Step(kind=kind, text=said, data=kept | code | ({"turn": turn} if turn else {}))


def words(value: object) -> str:
    """Return text of bounded length: of a string itself, of anything else its JSON."""
    said = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    return said if len(said) <= TEXT_CHARS else f"{said[:TEXT_CHARS]} [... {len(said) - TEXT_CHARS} more characters cut]"


def bounded(value: Any) -> Any:
    """Return JSON of bounded size: what is too large becomes the beginning of its text."""
    return value if isinstance(value, (bool, int, float)) or len(text := words(value)) <= TEXT_CHARS else text


def call_words(tool: object, arguments: object) -> str:
    """Return a tool call as a person reads it: a command by itself, anything else with its tool's name before it."""
    known = arguments if isinstance(arguments, Mapping) else {}
    command = known.get("command")
    return command if isinstance(command, str) and command else f"{words(tool)} {words(arguments)}".strip()


def usage(counts: object, names: Mapping[str, str]) -> Step:
    """Return what a turn says that it used; `names` is our word -> the CLI's. The run's own count is the gateway's."""
    said = counts if isinstance(counts, Mapping) else {}
    known = {ours: said[theirs] for ours, theirs in names.items() if type(said.get(theirs)) is int}
    return Step(kind="usage", text=", ".join(f"{ours.replace('_', ' ')} {count}" for ours, count in known.items()), data=dict(known))


def checklist(entries: object, text: str, is_done: Callable[[Mapping[str, Any]], bool]) -> str:
    """Return a plan as people write one, an entry per line; `text` is the member that names an entry."""
    known = [each for each in entries if isinstance(each, Mapping)] if isinstance(entries, list) else []
    return "\n".join(f"[{'x' if is_done(each) else ' '}] {each.get(text)}" for each in known)


def turn_of(steps: list[Step]) -> Turn | None:
    """Return how the last turn stands."""
    return next((found for each in reversed(steps) if (found := each.data.get("turn"))), None)


def ended_well(end: SandboxEnd, steps: list[Step]) -> bool:
    """Return whether the agent exited with 0 and its last turn has come to an end without error: both, because either alone lies."""
    return end.reason == "exited" and end.exit_code == 0 and turn_of(steps) == "completed"


def last_word(steps: list[Step]) -> str:
    """Return why the last turn failed, or the last thing that was said in it or before."""
    if turn_of(steps) == "failed":
        return next((each.text for each in reversed(steps) if each.data.get("turn") == "failed"), "")
    said: list[str] = []
    for each in reversed(steps):
        is_piece = each.kind == "message" and each.data.get("piece") is True
        if said and not is_piece:
            break
        if each.kind == "message" and each.text:
            said.append(each.text)
            if not is_piece:
                break
    return "".join(reversed(said))
