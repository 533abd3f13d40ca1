"""Reading what Bellhop's own programs in a sandbox print: one JSON Step per line, the last of them a message marked `final`."""

from __future__ import annotations

from pydantic import ValidationError

from app.core.step import Step


def parse_own(stream: str, line: str) -> list[Step]:
    """Return the Step that a line of standard output holds; whatever is none becomes a log Step."""
    if stream == "stdout" and line.startswith("{"):
        try:
            return [Step.model_validate_json(line)]
        except ValidationError:
            pass  # somebody else's JSON: shown as it is
    return [Step(kind="log", text=line, data={"stream": stream})]


def final_step(steps: list[Step]) -> Step | None:
    """Return the program's last word, if it came to one."""
    return next((step for step in reversed(steps) if step.kind == "message" and step.data.get("final") is True), None)
