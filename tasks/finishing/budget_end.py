"""Whether an agent did not finish because its budget was used up: it was stopped for that, or gave up when it was refused."""

from __future__ import annotations

from sqlalchemy import Connection

from app.core.assignment import SandboxEnd
from app.core.line.budget import in_words, level
from app.core.run import Run
from app.ledger import exchanges, runs

# The gateway's own mark: it has refused a request for that reason (app/execute/gateway/run_budget.py).
REFUSED = "budget-refused"


def ended_by_budget(tx: Connection, run: Run, end: SandboxEnd) -> SandboxEnd:
    """Return how an agent ended that did not finish, with the budget as the reason where that is so.

    Both the refusal and what was used are the gateway's record, not the agent's word.
    """
    was_refused = end.reason == "exited" and REFUSED in [name for name, _ in runs.timeline(tx, run.id)]
    if end.reason != "budget" and not was_refused:
        return end
    spent = exchanges.spent(tx, run.id)
    used = in_words(run.profile.budget, spent, level(run.profile.budget, spent).of)
    return end.model_copy(update={"reason": "budget", "text": used})
