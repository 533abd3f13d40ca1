"""What an app may say in an agent session, five kinds of content, and what its plan is; everything else is refused.

https://linear.app/developers/agent-interaction#agent-activity and https://linear.app/developers/agent-signals
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.emulators.linear.problems import invalid


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Said(_Content):
    """A thought, a question, the answer, or what went wrong."""

    type: Literal["thought", "elicitation", "response", "error"]
    body: str = Field(min_length=1)


class Done(_Content):
    """A tool's use."""

    type: Literal["action"]
    action: str = Field(min_length=1)
    parameter: str
    result: str | None = None


class Step(_Content):
    """One step of a plan."""

    content: str = Field(min_length=1)
    status: Literal["pending", "inProgress", "completed", "canceled"]


_CONTENT: TypeAdapter[Said | Done] = TypeAdapter(Said | Done)
_PLAN: TypeAdapter[list[Step]] = TypeAdapter(list[Step])


def check_plan(plan: Any) -> None:
    """Raise Problem unless a plan is a list of steps, which replaces the one before."""
    try:
        _PLAN.validate_python(plan)
    except ValidationError as error:
        first = error.errors()[0]
        raise invalid(f"plan.{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error


def check(content: Any, *, ephemeral: bool, signal: str | None) -> None:
    """Raise Problem unless an app may say this so."""
    kind = content.get("type") if isinstance(content, dict) else None
    if kind not in ("thought", "action", "elicitation", "response", "error"):
        raise invalid(f"content.type must be one of thought, action, elicitation, response, error, and is {kind}")
    try:
        _CONTENT.validate_python(content)
    except ValidationError as error:
        wanted = "Done" if kind == "action" else "Said"
        first = next((one for one in error.errors() if one["loc"][0] == wanted), error.errors()[0])
        raise invalid(f"content.{first['loc'][-1]} of the type {kind}: {first['msg']}") from error
    if ephemeral and kind not in ("thought", "action"):
        raise invalid(f"Only activities of the types thought and action can be ephemeral, not {kind}")
    if signal is not None and (signal not in ("auth", "select") or kind != "elicitation"):
        raise invalid(f"The signal {signal} cannot be sent by an agent with an activity of the type {kind}")
