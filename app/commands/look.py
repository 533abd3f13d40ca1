"""The verbs that only look: runs, show, logs, link, profiles check."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.ledger import open_ledger
from app.errors import BellhopError, ProfileError
from app.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console

    from app.core.profile import Profile


def new_link(settings: Settings) -> str:
    """Return a one-time link to the pages. Raises ConfigurationError."""
    from app.ledger import page_keys

    if not settings.public_url and settings.web_port == 0:
        raise BellhopError("BELLHOP_WEB_PORT is 0, so nobody here knows the port: set BELLHOP_PUBLIC_URL", reason="no_url")
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.web_host, settings.web_host)  # noqa: S104 - read only
    url = settings.public_url.rstrip("/") or f"http://{host}:{settings.web_port}"
    with open_ledger(settings) as database, database.begin() as tx:
        return f"{url}/enter?key={page_keys.new_link(tx)}"


def list_runs(settings: Settings, console: Console, *, limit: int, as_json: bool) -> None:
    """Print the newest runs. Raises ConfigurationError."""
    from app.ledger import costs, runs
    from app.observe import views
    from app.observe.console import runs_table
    from app.observe.listing import beside, paused_lines

    with open_ledger(settings) as database, database.read() as tx:
        found = runs.recent(tx, limit)
        paused, known = paused_lines(tx), beside(tx, found)
        spent = costs.of_runs(tx, [run.id for run in found])
    if as_json:
        print(json.dumps([
            views.run_json(run) | {"place": known.places.get(run.id), "cost_micro_usd": spent.get(run.id, 0)} for run in found
        ], indent=2))
        return
    for sentence in paused:
        console.print(sentence, style="yellow")
    if not found:
        console.print("No run yet.")
    else:
        console.print(runs_table(found, known))


def list_ignored(settings: Settings, console: Console, *, limit: int, as_json: bool) -> None:
    """Print the newest events that started nothing, each with its reason. Raises ConfigurationError."""
    from app.ledger import inbox
    from app.observe import views
    from app.observe.console import ignored_table

    with open_ledger(settings) as database, database.read() as tx:
        found = inbox.recent_ignored(tx, limit)
    if as_json:
        print(json.dumps([views.ignored_json(entry) for entry in found], indent=2))
    elif not found:
        console.print("No event that started nothing. What GitHub could not deliver at all is in the App's settings, "
                      "`Advanced`.", soft_wrap=True)
    else:
        console.print(ignored_table(found))


def list_events(settings: Settings, console: Console, *, repo: str, profile: str, limit: int, as_json: bool) -> None:
    """Print the newest events, each with what was decided on it and why. Raises ConfigurationError."""
    from app.observe.console import events_table
    from app.observe.listing import event_json, events_of

    with open_ledger(settings) as database, database.read() as tx:
        found, older = events_of(tx, limit, repo=repo, profile=profile)
    if as_json:
        print(json.dumps([event_json(entry) for entry in found], indent=2))
    elif not found:
        console.print("No such event." if older is None else "No such event among the newest 2000.")
    else:
        console.print(events_table(found))


def show_run(settings: Settings, console: Console, run_id: str, *, as_json: bool) -> None:
    """Print one run. Raises ConfigurationError; BellhopError if there is none such."""
    from app.observe import views
    from app.observe.console import rows_table, time_table
    from app.observe.facts import credentials_of, denied_of, facts_of, grant_of, reports_of, verify_of, warnings_of
    from app.observe.text import clock, line, printable

    with open_ledger(settings) as database, database.read() as tx:
        found = views.view(tx, run_id)
    if found is None:
        raise _no_such_run(run_id)
    if as_json:
        print(json.dumps(views.view_json(found), indent=2))
        return
    run = found.run
    verify, tail = verify_of(run.outcome)
    head = [
        ("run", run.id), ("state", run.state), ("outcome", line(views.outcome_line(run.outcome), 2000)), ("verify", verify or "none"),
        ("thread", line(run.thread)), ("title", line(run.event.title)), ("by", line(run.event.actor.login)),
        ("since", f"{clock(run.created_at_ms)} UTC"),
    ]
    console.print(rows_table([*head, *facts_of(found)]))
    for warning in warnings_of(run.outcome):
        console.print(f"look at this first: {warning}", style="yellow", soft_wrap=True)
    if tail and "failed" in verify:
        console.print(printable(tail), soft_wrap=True)
    console.print()
    console.print(time_table(found.stages))
    console.print("\nGrant", style="bold")
    console.print(rows_table(grant_of(found)))
    console.print("\nCredentials used", style="bold")
    _print_rows(console, credentials_of(found))
    console.print("\nDenied at the door", style="bold")
    _print_rows(console, denied_of(found))
    console.print("\nReported while it works", style="bold")
    _print_rows(console, reports_of(found))


def _print_rows(console: Console, rows: list[tuple[str, ...]]) -> None:
    for row in rows:
        console.print("  ".join(word for word in row if word), soft_wrap=True)
    if not rows:
        console.print("none")


def print_logs(settings: Settings, console: Console, run_id: str, *, follow_on: bool) -> None:
    """Print the transcript, and what follows if asked. Raises ConfigurationError; BellhopError: no such run."""
    from app.ledger import runs
    from app.observe.console import follow, print_step, transcript

    with open_ledger(settings) as database:
        with database.read() as tx:
            if runs.load(tx, run_id) is None:
                raise _no_such_run(run_id)
        for row in (follow if follow_on else transcript)(database, run_id):
            print_step(console, row)


def check_profiles(settings: Settings, directory: Path) -> int:
    """Check a directory of profiles, print what is found, and return the exit code. Raises ConfigurationError."""
    from app.commands.next_times import next_times
    from app.core.ringing.overlap import overlaps
    from app.execute.agents import agent_named
    from app.profiles import load_profiles, load_registries

    try:
        found = load_profiles(
            directory, templates_dir=settings.templates_dir,
            check_agent=lambda choice: agent_named(choice.uses).check(choice),
            registries=load_registries(settings.registries_file),
        )
    except ProfileError as error:
        print(error, file=sys.stderr)
        return 1
    if not found:
        print(f"there is no *.yaml in {directory}, so nothing would ever ring: docs/profiles.md says how to write one",
              file=sys.stderr)
        return 1
    for name, profile in sorted(found.items()):
        print(f"{name}: ok ({profile.agent.uses}, isolation {profile.container.isolation})")
    for said in next_times(found, datetime.now(UTC)):
        print(said)
    for sentence in (*overlaps(found), *without_a_price(found)):
        print(f"warning: {sentence}")
    return 0


def without_a_price(profiles: Mapping[str, Profile]) -> Iterator[str]:
    """Yield a sentence for each model of a profile whose price nobody knows."""
    from app.execute.gateway.price import is_priced

    for name, profile in sorted(profiles.items()):
        named = [model for choice in profile.agents for model in (choice.model, choice.fallback_model)]
        offered = [model for model in profile.choose.models if "*" not in model]
        for model in dict.fromkeys(filter(None, (*named, *offered))):
            if not is_priced(model, profile.budget.prices):
                yield (
                    f"{name}: the price of {model} is not known, so `budget: usd:` does not hold for it; tokens and turns do. "
                    "Give it in `budget: prices:`"
                )


def _no_such_run(run_id: str) -> BellhopError:
    return BellhopError(f"there is no run {run_id[:40]!r}: `bellhop runs` lists them", reason="no_such_run")
