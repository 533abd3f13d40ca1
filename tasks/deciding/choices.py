"""What the words that rang choose of a run, within what its profile offers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from sqlalchemy import Connection

from app.core.deciding.choices import NotOffered, chosen
from app.core.deciding.said import OPTIONS, said_to
from app.core.event import Event
from app.core.outcome import Refused
from app.core.profile import Choose, Profile
from app.core.run import Run
from app.errors import ProfileError, PublishRefused
from app.ledger import runs
from tasks.parts import Parts

_REFUSED = "option"


def options_of(event: Event, bot_login: str) -> Mapping[str, str]:
    """Return the options in a comment. Not those in an issue: whoever rings by a label did not write that."""
    return said_to(event.text, bot_login).options if event.is_comment else {}


def with_choices(profile: Profile, event: Event, earlier: Iterable[Event], bot_login: str) -> Profile:
    """Return the profile with what was chosen in the conversation, oldest first, and now.

    What is not offered leaves the profile as it is: `refuse_what_is_not_offered` says so before anything starts. What was chosen
    earlier and is not offered any more, nobody asks for now.
    """
    for each in (*earlier, event):
        said = options_of(each, bot_login)
        # In this order: an agent brings its own model.
        for name in OPTIONS:
            if name in said and (name != "branch" or event.pull is None):
                with suppress(NotOffered):
                    profile = chosen(profile, {name: said[name]}, default_branch=event.repo.default_branch)
    return profile


def again_with_choices(tx: Connection, parts: Parts, run: Run, profile: Profile) -> Profile:
    """Return the profile as it is now, for a run's assignment once more: with what was chosen for it, and what a fork is allowed."""
    if run.event.is_from_fork:
        profile = profile.model_copy(update={"workspace": "ro"})
    earlier = [each.event for each in reversed(runs.before(tx, run)) if not was_refused_its_choice(each)]
    return with_choices(profile, run.event, earlier, parts.settings.bot_login)


def was_refused_its_choice(run: Run) -> bool:
    """Return whether a run ended because of what it chose: that is no choice that holds for others."""
    return isinstance(run.outcome, Refused) and run.outcome.reason == _REFUSED


def refuse_what_is_not_offered(parts: Parts, run: Run) -> None:
    """Raise PublishRefused where the words that rang choose what the run's profile does not offer, or what does not go together."""
    options = options_of(run.event, parts.settings.bot_login)
    if not options:
        return
    pull = run.event.pull
    try:
        if pull is not None and options.get("branch", run.base_branch) != run.base_branch:
            raise NotOffered(f"`branch=` cannot be chosen here: this is about pull request #{pull.number}, whose branch is given.")
        offered = {name: value for name, value in options.items() if name != "branch" or pull is None}
        chosen(run.profile, offered, default_branch=run.event.repo.default_branch)
        parts.agent(run.profile.agent.uses).check(run.profile.agent)
    except (NotOffered, ProfileError) as error:
        raise PublishRefused(f"{error} Nothing was started.", reason=_REFUSED) from error


def refuse_what_is_taken_away(parts: Parts, run: Run, choose: Choose) -> None:
    """Raise PublishRefused where the words that rang, or those before them, have chosen what the repository leaves nobody to choose.

    A choice is in the run's profile already: a shorter `choose:` alone would change nothing of it.
    """
    own = parts.profiles.get(run.profile.name)
    if own is None or choose == run.profile.choose:
        return
    with parts.database.read() as tx:
        earlier = [each.event for each in reversed(runs.before(tx, run)) if not was_refused_its_choice(each)]
    with_all, with_less = (
        with_choices(own.model_copy(update={"choose": each}), run.event, earlier, parts.settings.bot_login) for each in (run.profile.choose, choose)
    )
    if (with_all.agent, with_all.branch) != (with_less.agent, with_less.branch):
        raise PublishRefused(
            f"{run.event.repo.full_name} does not let this be chosen of the profile {run.profile.name} (`choose:` in .bellhop/). Nothing was started.",
            reason=_REFUSED,
        )
