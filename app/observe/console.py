"""Watching a run from a terminal: a live line per stage, the steps as they come, the tables at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from app.core.run import Run
from app.core.step import Step
from app.ledger import runs, steps
from app.ledger.database import Database
from app.ledger.inbox import Entry
from app.ledger.steps import StepRow
from app.observe.listing import Beside
from app.observe.text import clock, line, printable, span
from app.observe.views import Stage, outcome_line, shown_kind, stages_of

POLL_SECONDS = 0.05
BATCH_STEPS = 500

STYLES = {"message": "", "tool_call": "bold", "tool_result": "dim", "error": "red", "denied": "yellow", "log": "dim", "usage": "dim"}


def transcript(database: Database, run_id: str, *, after: int = -1) -> Iterator[StepRow]:
    """Yield the run's steps that are on file."""
    while True:
        with database.read() as tx:
            rows = steps.after(tx, run_id, after, BATCH_STEPS)
        if not rows:
            return
        yield from rows
        after = rows[-1].sequence


def follow(database: Database, run_id: str, *, after: int = -1, timeout_seconds: float | None = None) -> Iterator[StepRow]:
    """Yield the run's steps as they come, until it is done. Raises TimeoutError when that takes too long."""
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    while True:
        # The state first: a step written after it was read belongs to the next round.
        with database.read() as tx:
            run = runs.load(tx, run_id)
        over = run is None or run.state == "done"
        for row in transcript(database, run_id, after=after):
            yield row
            after = row.sequence
        if over:
            return
        if deadline is not None and time.monotonic() > deadline:
            raise TimeoutError(f"run {run_id} is not done after {timeout_seconds:.0f} s")
        time.sleep(POLL_SECONDS)


def watch(
    console: Console, database: Database, run_id: str, *, timeout_seconds: float,
    now_ms: Callable[[], int] = lambda: int(time.time() * 1000),
) -> Run:
    """Show one live line per stage until the run is done, and return it. Raises TimeoutError."""
    deadline = time.monotonic() + timeout_seconds
    last_step = ""
    after = -1
    with _live(console) as live:
        while True:
            with database.read() as tx:
                run = runs.load(tx, run_id)
                marks = runs.timeline(tx, run_id)
                rows = steps.after(tx, run_id, after)
            if rows:
                after = rows[-1].sequence
                last_step = one_line(rows[-1].step) or last_step
            if run is None:
                raise TimeoutError(f"there is no run {run_id}")
            live.update(_stage_lines(stages_of(marks), last_step if run.state != "done" else "", now_ms()))
            if run.state == "done":
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"run {run_id} is not done after {timeout_seconds:.0f} s: it is {run.state}")
            time.sleep(POLL_SECONDS)
    if not console.is_terminal:
        # There the live lines end without a line's end.
        console.print()
    return run


@contextmanager
def _live(console: Console) -> Iterator[Live]:
    try:
        with Live(console=console, refresh_per_second=10, transient=False) as live:
            yield live
    finally:
        if not console.is_terminal:
            # rich ends what it prints with a new line on terminals only.
            console.line()


def _stage_lines(stages: list[Stage], last_step: str, now_ms: int) -> RenderableType:
    lines: list[RenderableType] = []
    for stage in stages:
        if stage.duration_ms is not None:
            lines.append(Text(f"  done  {stage.name:<24} {span(stage.duration_ms):>10}", style="green"))
        else:
            lines.append(Spinner("line", Text(f"    {stage.name:<24} {span(now_ms - stage.at_ms):>10}  {last_step}")))
    return Group(*lines)


def one_line(step: Step, width: int = 90) -> str:
    """Return a step's first words in one line."""
    return line(step.text, width)


def print_step(console: Console, row: StepRow) -> None:
    """Print one step in full, its lines as long as they are."""
    name = shown_kind(row)
    text = Text(printable(row.step.text), style=STYLES.get(row.step.kind, ""))
    console.print(Text(f"[{name}] ", style="cyan") + text, soft_wrap=True)


def runs_table(found: list[Run], known: Beside) -> Table:
    """Return the list of runs as a table; one that waits says where instead of its outcome."""
    table = Table("run", "state", "what", "profile", "cost", "outcome", box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    for run in found:
        what, outcome = line(run.event.title or run.thread, 60), line(known.places.get(run.id, "") or outcome_line(run.outcome), 100)
        table.add_row(run.id, run.state, Text(what), run.profile.name, known.costs.get(run.id, ""), Text(outcome))
    return table


def events_table(found: list[Entry]) -> Table:
    """Return the list of events as a table."""
    table = Table("event", "when (UTC)", "kind", "thread", "by", "why", "run", box=None, pad_edge=False)
    table.columns[1].no_wrap = True
    for entry in found:
        event = entry.event
        table.add_row(str(entry.id), clock(entry.received_at_ms), Text(line(event.kind)), Text(line(event.thread)), Text(line(event.actor.login)),
                      Text(line(entry.decision or "waits to be decided on", 500)), entry.run_id or "")
    return table


def ignored_table(found: list[Entry]) -> Table:
    """Return the list of events that started nothing as a table."""
    table = Table("when (UTC)", "thread", "by", "why", box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    for entry in found:
        event = entry.event
        table.add_row(clock(entry.received_at_ms), Text(line(event.thread)), Text(line(event.actor.login)),
                      Text(line(entry.decision or "", 500)))
    return table


def rows_table(rows: list[tuple[str, str]]) -> Table:
    """Return names and values as a table without lines."""
    table = Table("", "", box=None, show_header=False, pad_edge=False)
    for name, value in rows:
        table.add_row(name, Text(value))
    return table


def time_table(stages: list[Stage]) -> Table:
    """Return where the time went as a table."""
    table = Table("stage", "time", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for stage in stages:
        table.add_row(stage.name, span(stage.duration_ms))
    table.add_row("in all", span(sum(stage.duration_ms or 0 for stage in stages)), style="bold")
    return table
