"""Whether an agent failed because its model did: then the operator has to act, not the person who rang."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.assignment import SandboxEnd
from app.core.outcome import Failed
from app.core.step import Step
from app.ledger.exchanges import LastAnswer

# The gateway says so itself, without asking anybody: app/execute/gateway/model_api.py.
NO_KEY = "bellhop_no_key"
MODEL_DOWN = b"bellhop_model_down"
LIMIT_AT_LAST = b"(at last: 429)"
# Google answers 400 to a key that it does not know: https://ai.google.dev/gemini-api/docs/troubleshooting
GOOGLES_WRONG_KEY = b"API_KEY_INVALID"

SAYS = {
    "model_key": "Bellhop's key for the model API is missing, or was refused",
    "model_limit": "The model API lets Bellhop's key ask no more for now (its limits or its credit are used up)",
    "model_unknown": "The model API knows no such model, or has no such address; the profile's `agent: model:` names it",
    "model_unreachable": "The model API could not be reached, or did not work",
}


def model_trouble(end: SandboxEnd, last: LastAnswer | None, said: Sequence[Step], why: str) -> Failed | None:
    """Return the outcome of a run whose agent gave up on its model, or None where something else went wrong.

    `last` is how the gateway recorded the end of the sandbox's last model request (None: there was none). What the agent says of itself counts only where the gateway has no exchange to put on record.
    """
    if end.reason != "exited":
        return None
    reason = _reason(last) or ("model_key" if _had_no_key(said) else None)
    return None if reason is None else Failed(reason=reason, text=f"{SAYS[reason]}: {why}", who="operator")


def _reason(last: LastAnswer | None) -> str | None:
    if last is None:
        return None
    if last.status in (401, 403) or (last.status == 400 and GOOGLES_WRONG_KEY in last.head):
        return "model_key"
    if last.status == 404:
        return "model_unknown"
    # Where a sandbox's record is full, no words are on it.
    if last.status == 424 and (MODEL_DOWN in last.head or not last.head):
        return "model_limit" if LIMIT_AT_LAST in last.head else "model_unreachable"
    if last.status in (402, 429):
        return "model_limit"
    return "model_unreachable" if last.status == 0 or last.status >= 500 else None


def _had_no_key(said: Sequence[Step]) -> bool:
    last = next((step for step in reversed(said) if step.kind == "error"), None)
    return last is not None and last.data.get("code") == NO_KEY
