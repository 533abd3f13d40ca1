"""What an event means for us: one pure function from an event, the profiles and a few facts to a Decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from app.core.deciding.breaker import Loop
from app.core.deciding.ci_head import is_ci
from app.core.deciding.decide_ci import CiFacts, judge, passed_over
from app.core.deciding.said import Said, Verb, said_to
from app.core.deciding.standing import NOBODYS_WORD, Needed, needed_by, standing, voucher
from app.core.event import REVIEW, REVIEW_COMMENT, Event
from app.core.noun import Noun
from app.core.permission import Permission
from app.core.profile import Profile
from app.core.ringing.rings import asks_for_paths, refusal, rings
from app.core.ringing.webhook_source import WEBHOOK


class Facts(Noun):
    """What decide() cannot know from the event; `actor_permission` is None as long as nobody has asked.

    `live_permission` and `live_apps` are what the live run's profile asks of those who ring. `is_own_pull`: the thread is a pull request that Bellhop has
    opened. `earlier_profile` is that of the run which a comment would go on with. `has_all_words`: a review's comments are in the event's text (before, nobody can say whom it addresses).
    `loop` is set where the conversation goes round in circles.
    `changed_paths` are the files that a pull request or push changes, None as long as nobody has asked.
    `about_run_id` is the thread's live run, or its newest one that is over: what `status`, `retry`, `approve` and `reject` are about, and
    what they take, `approver_permission` the latter two.
    `ci` is what is known of a commit whose CI has failed, None as long as nobody has asked.
    """

    bot_login: str
    live_run_id: str | None = None
    live_permission: Permission = "write"
    live_apps: tuple[int, ...] = ()
    actor_permission: str | None = None
    is_own_pull: bool = False
    earlier_profile: str | None = None
    has_all_words: bool = False
    changed_paths: tuple[str, ...] | None = None
    loop: Loop | None = None
    about_run_id: str | None = None
    about_permission: Permission = "write"
    approver_permission: Permission = "write"
    ci: CiFacts | None = None


class Ignore(Noun):
    """Nothing follows; `reason` is a slug."""

    reason: str
    why: tuple[str, ...] = ()


class Start(Noun):
    """A run under `profile` follows."""

    profile: str
    why: tuple[str, ...] = ()


class Append(Noun):
    """The event's text goes to the live run as a follow-up; with `now` it does not wait for the end of the agent's turn."""

    run_id: str
    now: bool = False
    why: tuple[str, ...] = ()


class Stop(Noun):
    """The live run's agent is to end, and what it has done is kept."""

    run_id: str
    why: tuple[str, ...] = ()


class Cancel(Noun):
    """The live run is to end, and what it has done is thrown away."""

    run_id: str
    why: tuple[str, ...] = ()


Asks = Literal["status", "retry", "approve", "reject"]
CONTROLS: dict[Verb, Asks] = {"status": "status", "retry": "retry", "approve": "approve", "reject": "reject"}


class Control(Noun):
    """A word about a run, live or over: `verb` is what the person asks for, `named` what an approval names, `permission` what they have."""

    run_id: str
    verb: Asks
    named: str = ""
    permission: str = ""
    why: tuple[str, ...] = ()


Decision = Ignore | Start | Append | Stop | Cancel | Control

# The buttons that say what a comment may say, too.
BUTTONS: dict[str, Literal["approve", "reject"]] = {"approve": "approve", "reject": "reject"}


def decide(event: Event, profiles: Mapping[str, Profile], facts: Facts) -> Decision:
    """Return the decision and, as `why`, the way to it; profiles that match alike are taken by name, first first."""
    wanted, needed = _wanted(event, profiles, facts)
    if isinstance(wanted, Ignore):
        return wanted
    if needs_ci(event, profiles, facts):
        return Ignore(reason="ci_unknown", why=(*wanted.why, "nobody has asked where its branch stands, and whose push it is"))
    if needs_paths(event, profiles, facts):
        return Ignore(reason="paths_unknown", why=(*wanted.why, "nobody has asked which files it changes"))
    reason, says = standing(event, needed, facts.actor_permission)
    if reason:
        return Ignore(reason=reason, why=(*wanted.why, says))
    if _starts(wanted) and facts.loop is not None and not _ends(facts.loop, event, facts.bot_login):
        return Ignore(reason="loop", why=(*wanted.why, says, facts.loop.says))
    had = {"permission": facts.actor_permission or ""} if isinstance(wanted, Control) else {}
    return wanted.model_copy(update={"why": (*wanted.why, says), **had})


def _starts(decision: Decision) -> bool:
    return isinstance(decision, Start) or (isinstance(decision, Control) and decision.verb == "retry")


def needs_permission(event: Event, profiles: Mapping[str, Profile], facts: Facts) -> bool:
    """Return whether the actor's permission would change the decision, so that it is worth asking for."""
    wanted, needed = _wanted(event, profiles, facts)
    return not isinstance(wanted, Ignore) and voucher(event, needed.apps) == "person"


def needs_ci(event: Event, profiles: Mapping[str, Profile], facts: Facts) -> bool:
    """Return whether a profile takes this end of CI, so that what there is to know of its commit is worth asking for."""
    return is_ci(event) and facts.ci is None and not isinstance(_wanted(event, profiles, facts)[0], Ignore)


def needs_paths(event: Event, profiles: Mapping[str, Profile], facts: Facts) -> bool:
    """Return whether the files that the event changes would change the decision, so that they are worth asking for."""
    if not event.is_pull_request or event.is_comment or facts.changed_paths is not None:
        return False
    return not isinstance(_wanted(event, profiles, facts)[0], Ignore) and any(asks_for_paths(each.on, event) and rings(each, event, facts.bot_login) for each in profiles.values())


def _ends(loop: Loop, event: Event, bot_login: str) -> bool:
    """Return whether somebody with a say, of whom the permission was asked, tells a loop to go on."""
    is_person = event.is_comment and event.actor.kind == "person"
    return loop.may_go_on and is_person and said_to(event.text, bot_login).goes_on


def _wanted(event: Event, profiles: Mapping[str, Profile], facts: Facts) -> tuple[Decision, Needed]:
    """Return what follows if the actor may, and what that takes."""
    if is_ci(event):
        return _of_ci(event, profiles, facts)
    if event.kind.partition(".")[0] not in NOBODYS_WORD:
        if event.actor.login.casefold() == facts.bot_login.casefold():
            return _ignore("bot", f"{event.actor.login} is the bot itself, which rings for nobody")
        apps = (*facts.live_apps, *(each for profile in profiles.values() for each in profile.who.apps))
        if voucher(event, apps) is None:
            return _ignore("bot", f"{event.actor.login} is a program, and no profile lists its id, {event.actor.id}")
    # One of a card comes with the words for it, which say what it counts for.
    if event.button in BUTTONS and not event.is_elsewhere and facts.about_run_id is not None:
        return _control(facts.about_run_id, BUTTONS[event.button], "", event, facts)
    return _said(event, profiles, facts) if event.is_comment else _by_profile(event, profiles, facts)


def _of_ci(event: Event, profiles: Mapping[str, Profile], facts: Facts) -> tuple[Decision, Needed]:
    """Return what an end of CI comes to, which is a program's word: who stands for it is asked once a profile takes it."""
    if (none_of_ours := passed_over(event, facts.bot_login)) is not None:
        return _ignore(*none_of_ours)
    # A live run is one of the facts to be asked for: it may be about another commit.
    wanted, needed = _by_profile(event, profiles, facts.model_copy(update={"live_run_id": None}))
    if facts.ci is None or not isinstance(wanted, Start):
        return wanted, needed
    reason, why = judge(event, profiles[wanted.profile], facts.ci)
    if reason:
        return _ignore(reason, *wanted.why, *why)
    return wanted.model_copy(update={"why": (*wanted.why, *why)}), needed


def _said(event: Event, profiles: Mapping[str, Profile], facts: Facts) -> tuple[Decision, Needed]:
    """Return what somebody's words come to: those in a live run's thread are for it, others have to address the bot."""
    if event.kind == REVIEW_COMMENT and _brings_reviews(event, profiles, facts):
        return _ignore("part_of_a_review", "it comes again with its review, which GitHub sends for every such comment")
    is_whole = event.kind != REVIEW or facts.has_all_words
    said = said_to(event.text, facts.bot_login)
    if is_whole and event.kind == REVIEW and not event.text.strip():
        return _ignore("nothing_said", "a review without a word")
    if said.verb in CONTROLS or facts.live_run_id is not None:
        return _about_a_run(event, facts, said, is_whole=is_whole)
    asks = not is_whole or said.is_addressed
    if not asks and not (event.kind == REVIEW and facts.is_own_pull):
        return _ignore("not_addressed", "no line of it starts with the bot's name")
    if said.verb in ("stop", "cancel"):
        return _ignore("no_live_run", f"nothing runs in {event.thread}")
    # How it ended is for reviews that say nothing to the bot.
    return _by_profile(event.model_copy(update={"review": None}) if asks else event, profiles, facts)


def _brings_reviews(event: Event, profiles: Mapping[str, Profile], facts: Facts) -> bool:
    """Return whether a review would come to whoever gets this comment of it: then all of its comments come with it."""
    review = event.model_copy(update={"kind": REVIEW, "spot": None})
    return any(rings(profile, review, facts.bot_login) for profile in profiles.values())


def _said_to_live_run(run_id: str, event: Event, facts: Facts, said: Said, *, is_whole: bool) -> tuple[Decision, Needed]:
    if event.actor.kind == "bot" and is_whole and not said.is_addressed:
        # A person who writes there means the run; programs write everywhere.
        return _ignore("not_addressed", f"run {run_id} is live, and a program has to address it by name")
    return _about_live_run(run_id, event.thread, said.verb), Needed(permission=facts.live_permission, apps=facts.live_apps)


def _about_live_run(run_id: str, thread: str, verb: Verb) -> Decision:
    live = f"run {run_id} is live in {thread}"
    if verb == "cancel":
        return Cancel(run_id=run_id, why=(live, "the comment tells the bot to cancel it"))
    if verb == "stop":
        return Stop(run_id=run_id, why=(live, "the comment tells the bot to stop, and keep what is done"))
    if verb == "now":
        return Append(run_id=run_id, now=True, why=(live, "a comment there is a follow-up, and this one does not wait"))
    return Append(run_id=run_id, why=(live, "a comment there is a follow-up"))


def _about_a_run(event: Event, facts: Facts, said: Said, *, is_whole: bool) -> tuple[Decision, Needed]:
    if said.verb not in CONTROLS and facts.live_run_id is not None:
        return _said_to_live_run(facts.live_run_id, event, facts, said, is_whole=is_whole)
    if facts.about_run_id is None:
        return _ignore("no_run", f"no run was ever in {event.thread}")
    return _control(facts.about_run_id, CONTROLS[said.verb], said.named, event, facts)


def _control(run_id: str, verb: Asks, named: str, event: Event, facts: Facts) -> tuple[Decision, Needed]:
    # People's word only: a program that may ring approves nothing.
    needed = facts.approver_permission if verb in ("approve", "reject") else facts.about_permission
    return Control(run_id=run_id, verb=verb, named=named, why=(f"{verb} is about run {run_id} in {event.thread}",)), Needed(permission=needed)


def _by_profile(event: Event, profiles: Mapping[str, Profile], facts: Facts) -> tuple[Decision, Needed]:
    what = event.kind + (f" with the label {event.label}" if event.label else "") + _asked(event)
    matching = [name for name in sorted(profiles) if rings(profiles[name], event, facts.bot_login, facts.changed_paths)]
    if not matching:
        return _ignore("no_profile", f"{_nobody(sorted(profiles))} {what}", *nearest_miss(event, profiles, facts))
    goes_on = facts.earlier_profile in matching
    name = facts.earlier_profile if goes_on and facts.earlier_profile is not None else matching[0]
    why = [f"profile {name} takes {what}"]
    if len(matching) > 1:
        others = ", ".join(other for other in matching if other != name)
        why.append(f"{others} would too; {name} {'has worked on this before' if goes_on else 'comes first by name'}")
    if facts.live_run_id is not None:
        hook = profiles[name].on.webhook if event.kind == WEBHOOK else None
        if hook is not None and hook.while_running == "append":
            return Append(run_id=facts.live_run_id, why=(*why, f"run {facts.live_run_id} is live in {event.thread}")), needed_by(profiles[name].who)
        return _ignore("already_running", *why, f"run {facts.live_run_id} is live in {event.thread}")
    return Start(profile=name, why=tuple(why)), needed_by(profiles[name].who)


def nearest_miss(event: Event, profiles: Mapping[str, Profile], facts: Facts) -> tuple[str, ...]:
    """Return which key of which profile kept it from ringing, of the profile that came nearest; none if no profile names such events."""
    found = [(name, refusal(profiles[name], event, facts.bot_login, facts.changed_paths)) for name in sorted(profiles)]
    near = max(((name, no) for name, no in found if no is not None and no.after), key=lambda each: each[1].after, default=None)
    return () if near is None else (f"nearest was {near[0]}, whose `{near[1].key}` says no: {near[1].says}",)


def _asked(event: Event) -> str:
    asked = event.assignee or event.reviewer
    return f" of {asked}" if asked else ""


def _nobody(names: list[str]) -> str:
    if not names:
        return "there is no profile, so nobody takes"
    return f"the only profile, {names[0]}, does not take" if len(names) == 1 else f"none of the {len(names)} profiles takes"


def _ignore(reason: str, *why: str) -> tuple[Ignore, Needed]:
    return Ignore(reason=reason, why=why), Needed()
