"""The verbs about what becomes of events: explain, backtest, events, pause, resume. Each gathers its parts and calls a plain function elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from app.settings import Settings

Permission = Annotated[str, typer.Option(help="Suppose that the actor has this permission.")]

PauseOf = Annotated[str | None, typer.Argument(metavar="[PROFILE]", help="One profile only; without it, all of Bellhop.")]


def add_verbs_of_deciding(app: typer.Typer, settings: Callable[[], Settings], console: Callable[[], Console]) -> None:
    """Give the command line these verbs."""

    @app.command()
    def explain(
        what: Annotated[str, typer.Argument(
            metavar="DELIVERY|FILE", help="A delivery's id or an event's number; with --source, a file with the payload, as JSON.")],
        source: Annotated[str | None, typer.Option(help="Of a file: which trigger: github, slack, linear or webhook/NAME.")] = None,
        event: Annotated[str | None, typer.Option(help="Of a file of GitHub's: the event's name, such as issues.")] = None,
        permission: Permission = "write",
        changed: Annotated[list[str] | None, typer.Option(metavar="PATH", help="Suppose that this file is changed; may be repeated.")] = None,
    ) -> None:
        """Say what Bellhop did with a delivery, or would do with a payload, and why; nothing is asked or started."""
        paths = tuple(changed or ())
        if source is None and event is None:
            from app.commands.explain_delivery import explain_delivery

            lines = [*explain_delivery(settings(), what, permission=permission, changed=paths)]
        elif source is None or (event is None and source == "github"):
            raise typer.BadParameter("a file takes --source, and of GitHub --event too: --source github --event issues, --source slack, --source linear, --source webhook/NAME")
        else:
            from app.commands.explain import explain_payload

            lines = [*explain_payload(settings(), Path(what), source=source, event_name=event or source, permission=permission, changed=paths)]
        # All of it or one line of error, never half an explanation.
        print("\n".join(lines))

    @app.command()
    def backtest(
        profile: Annotated[str, typer.Argument(metavar="PROFILE", help="A profile's name, or a file with one that is not in use yet.")],
        since: Annotated[str, typer.Option(help="How far back: 30d, 12h, 90m.")] = "30d",
        limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many of the events that would start a run to list, newest first.")] = 20,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    ) -> None:
        """Say which of the events on file a profile would have started runs for, and at about what cost; nothing is asked or started."""
        from app.commands.backtest import backtest_profile

        backtest_profile(settings(), console(), profile, since=since, limit=limit, as_json=as_json)

    @app.command()
    def events(
        repo: Annotated[str, typer.Option(help="Of this repository only: owner/name.")] = "",
        profile: Annotated[str, typer.Option(help="Only such as the decision on names this profile.")] = "",
        limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 20,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list and nothing else.")] = False,
    ) -> None:
        """List the newest events, each with what was decided on it and why."""
        from app.commands.look import list_events

        list_events(settings(), console(), repo=repo, profile=profile, limit=limit, as_json=as_json)

    @app.command()
    def pause(profile: PauseOf = None) -> None:
        """Let nothing new begin; what rings is queued, and what is under way goes on."""
        from app.commands.pause import pause_profile

        print(pause_profile(settings(), profile))

    @app.command()
    def resume(profile: PauseOf = None) -> None:
        """End a pause: what was queued meanwhile begins."""
        from app.commands.pause import resume_profile

        print(resume_profile(settings(), profile))

    @app.command()
    def results(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list and nothing else.")] = False) -> None:
        """Say what became of the pull requests that Bellhop has opened, by profile and repository."""
        from app.commands.results import show

        show(settings(), as_json=as_json)
