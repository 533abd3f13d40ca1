"""Whether an agent failed because its model did: then the operator has to act, not the person who rang."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.assignment import SandboxEnd
from app.core.outcome import Failed
from app.core.step import Step

# The gateway says so itself, without asking anybody: app/execute/gateway/model_api.py.
NO_KEY = "bellhop_no_key"

SAYS = {
    "model_key": "Bellhop's key for the model API is missing, or was refused",
    "model_limit": "The model API lets Bellhop's key ask no more for now",
    "model_unknown": "The model API knows no such model, or has no such address; the profile's `agent: model:` names it",
    "model_unreachable": "The model API could not be reached, or did not work",
}


def model_trouble(end: SandboxEnd, last_status: int | None, said: Sequence[Step], why: str) -> Failed | None:
    """Return the outcome of a run whose agent gave up on its model, or None where something else went wrong.

    `last_status` is the HTTP status that the gateway gave the run's last model request (None: there was none, 0: no
    answer came). What the agent says of itself counts only where the gateway has no exchange to put on record.
    """
    if end.reason != "exited":
        return None
    reason = _reason(last_status) or ("model_key" if _had_no_key(said) else None)
    return None if reason is None else Failed(reason=reason, text=f"{SAYS[reason]}: {why}", who="operator")


def _reason(status: int | None) -> str | None:
    if status is None:
        return None
    if status in (401, 403):
        return "model_key"
    if status == 404:
        return "model_unknown"
    if status == 429:
        return "model_limit"
    return "model_unreachable" if status == 0 or status >= 500 else None


def _had_no_key(said: Sequence[Step]) -> bool:
    last = next((step for step in reversed(said) if step.kind == "error"), None)
    return last is not None and last.data.get("code") == NO_KEY
