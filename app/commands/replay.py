"""`bellhop replay`: repeat a recorded run without any model, and say whether it comes to the same."""

from __future__ import annotations

import json

from rich.console import Console

from app.commands.ledger import open_ledger
from app.ledger.steps import StepRow
from app.log import configure_logging
from app.observe.console import print_step
from app.observe.text import printable
from app.replay.recorded import read_recorded
from app.replay.rerun import rerun
from app.replay.scene import have_base
from app.replay.verdict import judge
from app.settings import Settings


def replay_run(settings: Settings, console: Console, run_id: str, *, as_json: bool) -> int:
    """Repeat the run and return 0 when it came to the same, else 1. Raises BellhopError when it cannot be repeated."""
    configure_logging("ERROR", readable=True)
    with open_ledger(settings) as database:
        with database.read() as tx:
            recorded = read_recorded(tx, run_id)
        have_base(settings, database, recorded.run)
    asked = len(recorded.record.exchanges)
    console.print(f"Replaying {run_id}: agent {recorded.run.profile.agent.uses}, from {recorded.run.base_commit}, "
                  f"{asked} recorded model {'request' if asked == 1 else 'requests'}. No model is asked, nothing is published.",
                  soft_wrap=True)

    def show(row: StepRow) -> None:
        print_step(console, row)

    replayed = rerun(settings, recorded, show)
    verdict = judge(recorded, replayed)
    if as_json:
        print(json.dumps({
            "run": run_id, "outcome": "same" if verdict.is_same else "different", "why": verdict.why,
            "tree_then": recorded.tree, "tree_now": replayed.tree, "backend_then": recorded.sandbox.backend,
            "backend_now": replayed.backend, "steps_then": recorded.steps, "steps_now": replayed.steps,
        }))
        return 0 if verdict.is_same else 1
    console.print()
    if replayed.backend != recorded.sandbox.backend:
        console.print(f"Then in {recorded.sandbox.backend}, now in {replayed.backend}.", style="yellow")
    if verdict.is_same:
        what = "no change" if replayed.tree is None else f"tree {replayed.tree}"
        console.print(f"The same: {what}, {replayed.steps} steps.", style="green", soft_wrap=True)
        return 0
    console.print("Different:", style="red")
    for each in verdict.why:
        console.print(printable(each), soft_wrap=True)
    return 1
