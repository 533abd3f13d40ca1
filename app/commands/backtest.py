"""`bellhop backtest`: what a profile would have started for the events on file, and at about what cost; nothing is asked or started."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from app.commands.ledger import open_ledger
from app.core.deciding.rehearsal import Guess, Past, rehearse
from app.core.event import Event
from app.core.line.budget import dollars, micro_usd
from app.core.outcome import PullRequest
from app.core.profile import Profile
from app.core.run import Run
from app.errors import BellhopError, ProfileError
from app.execute.agents import agent_named
from app.ledger import costs, events, runs
from app.ledger.costs import Estimate
from app.observe.text import clock, line, span
from app.profiles import load_profiles, load_registries
from app.profiles.load import check_profile
from app.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console
    from sqlalchemy import Connection

_SINCE = re.compile(r"([1-9][0-9]{0,4})([dhm])")
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60}
# Of the newest runs, so many are looked at, and so many of a kind are enough.
_RUNS_LOOKED_AT = 1000
_RUNS_ENOUGH = 50

CANNOT_KNOW = (
    "What it cannot know: deliveries of kinds that Bellhop passes over (edits, other actions, events that the App is not subscribed to) are not on file, nor are ticks of a schedule and calls of a webhook that no profile in use had; "
    "what people would have done had a run been there; fields that an earlier Bellhop did not keep, such as who opened an issue."
)


class Basis(NamedTuple):
    """What an estimate stands on: `of` says in words whose runs."""

    of: str
    estimate: Estimate | None


def backtest_profile(settings: Settings, console: Console, name: str, *, since: str, limit: int, as_json: bool) -> None:
    """Print what the profile would have started. Raises BellhopError for a profile or a time that is none, ConfigurationError without a ledger."""
    profile = _profile(settings, name)
    seconds = _seconds(since)
    with open_ledger(settings) as database, database.read() as tx:
        basis = _basis(tx, profile)
        past = (Past(each.id, each.received_at_ms, each.event, each.decision) for each in events.since(tx, seconds))
        run_ms = basis.estimate.duration_ms if basis.estimate else 0
        counts: Counter[str] = Counter()
        kept: Counter[str] = Counter()
        hits: list[Guess] = []
        for guess in rehearse(profile, past, bot_login=settings.bot_login, run_ms=run_ms, is_own_pull=lambda event: _is_own(tx, event)):
            counts[guess.verdict] += 1
            if guess.verdict == "no":
                kept[guess.key] += 1
            else:
                hits = [*hits, guess][-limit:]
    if as_json:
        print(json.dumps(_as_json(profile, since, counts, kept, hits, basis), indent=2))
        return
    for each in _lines(profile, since, counts, kept, basis):
        console.print(each, soft_wrap=True)
    if hits:
        console.print(_table(list(reversed(hits))))
    console.print(CANNOT_KNOW, soft_wrap=True)


def _profile(settings: Settings, name: str) -> Profile:
    registries = load_registries(settings.registries_file)
    if name.endswith((".yaml", ".yml")) or "/" in name:
        file = Path(name)
        checked = check_profile(
            file, file.stem, templates_dir=settings.templates_dir, registries=registries,
            check_agent=lambda choice: agent_named(choice.uses).check(choice),
        )
        if checked.profile is None:
            raise ProfileError("\n".join(checked.lines()))
        return checked.profile
    known = load_profiles(
        settings.profiles_dir, templates_dir=settings.templates_dir, registries=registries,
        check_agent=lambda choice: agent_named(choice.uses).check(choice),
    )
    if name not in known:
        raise BellhopError(
            f"there is no profile {name[:100]!r}; there are: {', '.join(sorted(known)) or 'none'}. One that is not in use yet is named by its file",
            reason="no_such_profile",
        )
    return known[name]


def _seconds(since: str) -> int:
    found = _SINCE.fullmatch(since)
    if found is None:
        raise BellhopError(f"--since is a number of days, hours or minutes, such as 30d, 12h or 90m, not {since[:40]!r}", reason="no_such_time")
    return int(found[1]) * _SECONDS[found[2]]


def _basis(tx: Connection, profile: Profile) -> Basis:
    """Return what the profile's own past runs have cost, else those with the same agent and model."""
    over = [run for run in runs.recent(tx, _RUNS_LOOKED_AT) if run.outcome is not None and run.outcome.kind != "refused"]
    own = [run for run in over if run.profile.name == profile.name][:_RUNS_ENOUGH]
    if own:
        return Basis(f"past runs of {profile.name}", costs.estimate(tx, own))
    same = [run for run in over if _works_alike(run, profile)][:_RUNS_ENOUGH]
    agent = profile.agent
    return Basis(f"past runs of other profiles with {agent.uses}{f' on {agent.model}' if agent.model else ''}", costs.estimate(tx, same))


def _works_alike(run: Run, profile: Profile) -> bool:
    return (run.profile.agent.uses, run.profile.agent.model) == (profile.agent.uses, profile.agent.model)


def _is_own(tx: Connection, event: Event) -> bool:
    over = runs.over_in_thread(tx, event.thread)
    return any(isinstance(run.outcome, PullRequest) and run.outcome.number == event.number for run in over)


def _lines(profile: Profile, since: str, counts: Counter[str], kept: Counter[str], basis: Basis) -> list[str]:
    starts, maybe = counts["start"], counts["unknown"]
    said = [f"{profile.name}, over {_counted(counts.total(), 'event')} of the last {since}: would have started {_counted(starts, 'run')}"
            + (f", and {maybe} more if what nobody asked about then holds" if maybe else "")]
    if counts["live"]:
        said.append(f"{counts['live']} more came while such a run would have been at work in their thread, and start none")
    said.append(_cost_line(profile, starts, maybe, basis))
    if kept:
        said.append("Kept from it by: " + ", ".join(f"{key} {count}" for key, count in kept.most_common(8)))
    return said


def _cost_line(profile: Profile, starts: int, maybe: int, basis: Basis) -> str:
    most = f"the most that its budget allows is {dollars(micro_usd(profile.budget.usd) * (starts + maybe))}"
    found = basis.estimate
    if found is None or found.cost_micro_usd is None:
        why = "there are no past runs to go by" if found is None else f"the price of none of {_of(found.runs, basis)} is known"
        return f"Cost: unknown, {why}; {most}"
    upto = f" to {dollars(found.cost_micro_usd * (starts + maybe))}" if maybe else ""
    return (
        f"Cost, estimated: {dollars(found.cost_micro_usd * starts)}{upto}, at {dollars(found.cost_micro_usd)} and {span(found.duration_ms)} a run, "
        f"the medians of {_of(found.runs, basis)}; {most}"
    )


def _of(count: int, basis: Basis) -> str:
    return f"{count} {basis.of if count != 1 else basis.of.replace('past runs', 'past run', 1)}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _table(hits: list[Guess]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table("when (UTC)", "event", "thread", "by", "would", "why", box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    for guess in hits:
        event = guess.past.event
        would = {"start": "start", "unknown": "perhaps start", "live": "find its run"}[guess.verdict]
        table.add_row(clock(guess.past.at_ms), Text(event.kind), Text(line(event.thread)), Text(line(event.actor.login)), would, Text(line(guess.why)))
    return table


def _as_json(profile: Profile, since: str, counts: Counter[str], kept: Counter[str], hits: list[Guess], basis: Basis) -> dict[str, Any]:
    found = basis.estimate
    cost = None if found is None else found.cost_micro_usd
    return {
        "profile": profile.name, "since": since, "events": counts.total(),
        "starts": counts["start"], "unknown": counts["unknown"], "while_live": counts["live"], "kept_by": dict(kept.most_common()),
        "estimate": {
            "of": basis.of, "runs": 0 if found is None else found.runs, "cost_micro_usd_per_run": cost,
            "duration_ms_per_run": None if found is None else found.duration_ms,
            "cost_micro_usd": None if cost is None else cost * counts["start"],
            "most_micro_usd": micro_usd(profile.budget.usd) * (counts["start"] + counts["unknown"]),
        },
        "hits": [
            {
                "event": guess.past.number, "received_at_ms": guess.past.at_ms, "kind": guess.past.event.kind, "thread": guess.past.event.thread,
                "by": guess.past.event.actor.login, "verdict": guess.verdict, "why": guess.why,
            }
            for guess in reversed(hits)
        ],
        "cannot_know": CANNOT_KNOW,
    }
