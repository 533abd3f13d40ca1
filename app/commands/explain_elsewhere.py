"""What `bellhop explain` says of something said in Slack or Linear: who would be asked what before it is decided on; nobody is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.core.account import SURFACES
from app.core.decide import Facts, needs_permission
from app.core.deciding.placing import Ground, place
from app.core.deciding.said import said_to
from app.core.event import Event, Repo
from app.core.profile import Profile
from app.core.words.links import repositories_in
from app.observe.text import line
from app.profiles.places import load_places
from app.settings import Settings


def supposed_elsewhere(settings: Settings, event: Event, profiles: Mapping[str, Profile], facts: Facts) -> tuple[Event | None, list[str]]:
    """Return the event as if its person were linked and its repository found, and what would be asked; None where they would be asked for that.

    Raises ConfigurationError (the operator's file of places).
    """
    if not event.is_elsewhere or event.said_by is not None or not needs_permission(event, profiles, facts):
        return event, []
    said = [
        "Asked before it is decided on:",
        f"{SURFACES.get(event.source, event.source)}: whether {event.actor.id} is a member; guests, strangers, the deactivated and programs start nothing",
        f"which GitHub account is linked with it (`bellhop identity list`); below, as if one called {event.actor.login} were",
    ]
    event = event.model_copy(update={"said_by": event.actor})
    if event.repo.is_said:
        return event, _in_lines(said)
    ground = Ground(
        said=said_to(event.text, settings.bot_login).repo if event.is_comment else "", mapping=load_places(settings.places_file),
        linked=repositories_in(event.text, settings.github_web_url) if event.is_comment else (),
        installed=repositories_in(event.text, settings.github_web_url) if event.is_comment else (),
    )
    found = place(event, profiles, ground, settings.bot_login)
    if found.full_name:
        said.append(f"the repository: {found.full_name}, because {found.why}, supposing that the App is installed on it")
        return event.model_copy(update={"repo": Repo.named(found.full_name)}), _in_lines(said)
    said.append("the repository: that of the conversation's last run, or the only one there is; else the person is asked by a menu")
    return None, _in_lines(said)


def _in_lines(said: Sequence[str]) -> list[str]:
    """Return each as one line, indented below the first."""
    return [line(said[0], 1000), *(f"  {line(each, 1000)}" for each in said[1:])]
