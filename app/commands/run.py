"""`bellhop run`: a run started by hand, followed to its outcome."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from rich.console import Console

from app.commands.ledger import open_ledger
from app.core.event import Actor, Event, Repo
from app.core.profile import AgentChoice, Profile
from app.core.run import Run
from app.errors import BellhopError, ConfigurationError, ProfileError
from app.ledger import hosts, inbox, runs
from app.ledger.database import Database
from app.log import configure_logging
from app.observe import views
from app.observe.console import time_table, watch
from app.observe.text import printable
from app.profiles import load_profiles, load_registries
from app.settings import Settings
from tasks.queue import CeleryWakeup, make_celery

# Beyond the profile's own limit: waiting for a worker, verifying, publishing.
MARGIN_SECONDS = 1200


def run_by_hand(
    settings: Settings, console: Console, profile_name: str, repo_name: str, prompt: str, agent: str | None, *,
    as_json: bool,
) -> int:
    """Start a run on a repository and follow it; return 0 when it ended as it should.

    With a broker in the settings, or beside a `bellhop up`, the workers that run take it; else this process does
    the whole work. Raises ConfigurationError, ProfileError, GrantRefused, ServiceError.
    """
    configure_logging("WARNING", readable=True)
    if not prompt.strip():
        raise BellhopError("the prompt is empty: say with --prompt what there is to do", reason="no_prompt")
    profile = chosen_profile(settings, profile_name, agent)
    event = event_by_hand(find_repo(settings, repo_name), prompt)
    with _workers(settings) as database, closing(_wakeup(settings)) as wakeup:
        run_id, host = queue_run(database, event, profile)
        if host is not None:
            wakeup.start(run_id, host)
        console.print(f"Run {run_id}")
        try:
            ended = watch(console, database, run_id, timeout_seconds=profile.timeout_minutes * 60 * 2 + MARGIN_SECONDS)
        except TimeoutError as error:
            raise BellhopError(f"{error}; `bellhop logs -f {run_id}` goes on following it", reason="watch_timeout") from error
        except KeyboardInterrupt:
            console.print(f"No longer watching; `bellhop logs -f {run_id}` goes on following the run.", soft_wrap=True)
            return 130
        with database.read() as tx:
            found = views.view(tx, run_id)
    return report(console, ended, found, as_json=as_json)


def _wakeup(settings: Settings) -> CeleryWakeup:
    from app.embedded import with_broker

    return CeleryWakeup(make_celery(with_broker(settings, settings.broker_url)))


@contextmanager
def _workers(settings: Settings) -> Iterator[Database]:
    """See that somebody works, and yield the ledger."""
    with ExitStack() as stack:
        if settings.broker_url.startswith("memory://"):
            from app.embedded import working

            try:
                database = stack.enter_context(working(settings))[0]
            except ConfigurationError as error:
                if error.reason != "already_up":
                    raise
                # It looks into the ledger every second: no wake-up reaches it from here.
                database = stack.enter_context(open_ledger(settings))
        else:
            database = stack.enter_context(open_ledger(settings))
        yield database


def chosen_profile(settings: Settings, name: str, agent: str | None) -> Profile:
    """Return the named profile, with another agent if one is asked for. Raises ProfileError."""
    from app.execute.agents import agent_named

    profiles = load_profiles(
        settings.profiles_dir, templates_dir=settings.templates_dir,
        check_agent=lambda choice: agent_named(choice.uses).check(choice),
        registries=load_registries(settings.registries_file),
    )
    if name not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        raise ProfileError(f"there is no profile `{name}` in {settings.profiles_dir}; there: {known}")
    profile = profiles[name]
    if agent is None or agent == profile.agent.uses:
        return profile
    adapter = agent_named(agent)
    # The options are the other agent's own: only the model is kept.
    choice = AgentChoice(uses=agent, model=profile.agent.model)
    adapter.check(choice)
    return profile.model_copy(update={"agent": choice})


def find_repo(settings: Settings, full_name: str) -> Repo:
    """Return the repository as the App sees it. Raises ConfigurationError, GrantRefused, ServiceError."""
    from app.execute.grants.github_app import GitHubApp

    with closing(GitHubApp.from_settings(settings)) as app:
        return app.find_repo(full_name)


def event_by_hand(repo: Repo, prompt: str) -> Event:
    """Return the event of a run that the operator starts: a thread of its own, nobody to reply to."""
    key = uuid.uuid4().hex
    return Event(
        source="github", kind="by_hand", delivery_key=f"by-hand-{key}", thread=f"by-hand:{repo.full_name}#{key[:12]}",
        actor=Actor(id="operator", login="operator", kind="person"), repo=repo, url="",
        title=prompt.strip().splitlines()[0][:200], text=prompt,
    )


def queue_run(database: Database, event: Event, profile: Profile) -> tuple[str, str | None]:
    """Save the event and its run in one transaction; return (run id, host)."""
    with database.begin() as tx:
        stored = inbox.store(tx, event)
        host = hosts.least_busy(tx)
        run_id = runs.create(tx, event, profile, host)
        assert run_id is not None, "a thread made for this run has no other"  # noqa: S101 - narrows the type
        inbox.settle(tx, stored.id, state="routed", decision="start: by hand", run_id=run_id)
    return run_id, host


def report(console: Console, ended: Run, found: views.RunView | None, *, as_json: bool) -> int:
    """Print how a run ended; return 0 unless it failed or was refused."""
    good = ended.outcome is not None and ended.outcome.kind not in ("failed", "refused")
    if as_json:
        print(json.dumps(views.run_json(ended)))
        return 0 if good else 1
    console.print(printable(views.outcome_line(ended.outcome)), style="green" if good else "red", soft_wrap=True)
    if found is not None:
        console.print(time_table(found.stages))
    # Without a sandbox nobody said anything.
    if not good and found is not None and found.sandboxes:
        console.print(f"What it said: bellhop logs {ended.id}", soft_wrap=True)
    return 0 if good else 1
