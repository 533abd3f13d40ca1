"""`bellhop explain`: what would happen to a payload, decided by the same pure functions, asking nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from app.commands.explain_elsewhere import supposed_elsewhere
from app.core.decide import Facts, Ignore, Start, decide, needs_ci
from app.core.deciding.choices import NotOffered, chosen
from app.core.deciding.ci_head import is_ci, kinds_of
from app.core.deciding.decide_ci import supposed
from app.core.deciding.standing import voucher
from app.core.event import Event, Ignored, Unknown
from app.core.grant import Grant
from app.core.permission import PERMISSIONS
from app.core.profile import Profile
from app.core.ringing.rings import refusal
from app.core.ringing.webhook_source import WEBHOOK
from app.core.ringing.where import first_unmet
from app.core.roster import Roster
from app.core.sandbox.entitlement import entitled, needed_role
from app.core.sandbox.services import says
from app.errors import BellhopError, DeliveryRefused
from app.execute.agents import agent_named
from app.execute.grants.request import token_path, token_request
from app.observe.text import line
from app.profiles import load_profiles, load_registries
from app.settings import Settings
from tasks.deciding.choices import options_of
from tasks.deciding.ci import ci_grant, head_grant
from tasks.grants import authorise_grant, publish_grant, reply_grant, workspace_grant
from triggers import reader

NOT_LOOKED_AT = (
    "  not looked at: what `.bellhop/*.yaml` on the repository's default branch takes away, and whether caps, a day's budget or a pause would have it wait"
)

# Why a trigger passes a delivery over, for people.
IGNORED_BECAUSE = {
    "ping": "the service only tries whether Bellhop is there, and gets its answer",
    "event_not_used": "Bellhop has no use for this event",
    "action_not_used": "Bellhop has no use for this action",
    "edited": "what is edited afterwards starts nothing",
    "bot": "a program did this, and programs start nothing",
    "author_is_not_sender": "whoever sent this is not the comment's author",
    "own_words": "Bellhop wrote this itself",
    "not_to_us": "nobody says it to the bot: it does not name it, and stands in no thread that the bot began",
    "only_quoted": "it names the bot in a quote or in code only",
    "stranger": "whoever did this belongs to another workspace",
    "other_workspace": "it comes from another workspace than the one that the App is installed in",
    "where_not_met": "the profile's `on: webhook: where:` asks for something else",
    "no_such_repository": "what it is about is not in the profile's `on: webhook: repositories:`",
    "agent_session": "an agent session of the app says the same (a workspace without them has BELLHOP_LINEAR_BOT_USER_ID set)",
    "no_issue": "it is about no issue, and Bellhop works on issues",
    "not_addressed": "no line of it starts with the bot's name",
    "app_revoked": "somebody has taken the app out of the workspace: `bellhop linear connect` brings it back",
    "no_installation": "it comes from a webhook of the repository's own, which says nothing of where the App is installed",
}


def explain_payload(
    settings: Settings, file: Path, *, source: str, event_name: str, permission: str, changed: tuple[str, ...] = ()
) -> Iterator[str]:
    """Yield the lines of the explanation; `changed` are the files that the event changes. Raises BellhopError for a file or a source that is not there."""
    refuse_no_permission(permission)
    try:
        body = file.read_bytes()
    except OSError as error:
        raise BellhopError(f"cannot read {file}: {error.strerror}", reason="no_such_file") from error
    profiles = _profiles(settings)
    try:
        parsed = reader(source, profiles, settings)(event_name, "explain", body)
    except DeliveryRefused as error:
        raise BellhopError(f"this is no payload of `{event_name}`: {error}", reason=error.reason) from error
    if isinstance(parsed, Ignored):
        yield f"Ignored: {parsed.kind}: {IGNORED_BECAUSE.get(parsed.reason, parsed.reason.replace('_', ' '))}"
        yield from _unmet(profiles, source, body)
        return
    if isinstance(parsed, Unknown):
        yield f"Unknown: {parsed.kind}: Bellhop does not know this kind of event"
        return
    if isinstance(parsed, Roster):
        yield f"Heard: {parsed.kind}: it keeps the list of repositories that the App is installed on, and starts nothing"
        return
    yield line(f"Event {parsed.kind} in {parsed.thread} by {parsed.actor.login} (id {parsed.actor.id})", 1000)
    if parsed.url:
        yield f"  {line(parsed.url, 1000)}"
    yield "Signature: a file has none; at the door nothing is read of a delivery before its signature holds"
    facts = Facts(actor_permission=permission, bot_login=settings.bot_login, changed_paths=changed or None)
    yield from explain_event(settings, parsed, facts)


def explain_event(settings: Settings, event: Event, facts: Facts) -> Iterator[str]:
    """Yield what each profile says to an event, the facts, the decision and what a run would ask for. Raises BellhopError for wrong profiles."""
    profiles = _profiles(settings)
    yield "Profiles, each with the first key that says no:"
    for name in sorted(profiles):
        no = refusal(profiles[name], event, facts.bot_login, facts.changed_paths)
        yield "  " + line(f"{name}: takes it" if no is None else f"{name}: `{no.key}`: {no.says}", 1000)
    if not profiles:
        yield f"  there is none in {settings.profiles_dir}"
    permission = facts.actor_permission or "none"
    placed, asked = supposed_elsewhere(settings, event, profiles, facts)
    yield from asked
    if placed is None:
        yield "Decision: none as long as nobody has said which repository is meant; `repo=owner/name` in the words does"
        return
    event = placed
    if needs_ci(event, profiles, facts):
        event, known = supposed(event)
        facts = facts.model_copy(update={"ci": known})
    decision = decide(event, profiles, facts)
    name = decision.reason if isinstance(decision, Ignore) else decision.profile if isinstance(decision, Start) else ""
    verdict = f"{type(decision).__name__.lower()} {name}".strip()
    supposing = "" if voucher(event, ()) == "operator" else f" (supposing that {event.actor.login} has `{permission}`)"
    yield line(f"Decision: {verdict}{supposing}", 1000)
    for reason in decision.why:
        yield f"  {line(reason, 1000)}"
    if isinstance(decision, Ignore) and decision.reason == "paths_unknown":
        yield "  say which by `--changed PATH`, once for each file"
    if isinstance(decision, Start):
        yield NOT_LOOKED_AT
        yield from _options(event, profiles[decision.profile], settings.bot_login)
        yield from _services(profiles[decision.profile])
        yield from _setup(profiles[decision.profile])
        yield from _grants(event, profiles[decision.profile], permission, settings.github_api_url)


def _profiles(settings: Settings) -> Mapping[str, Profile]:
    return load_profiles(
        settings.profiles_dir, templates_dir=settings.templates_dir,
        check_agent=lambda choice: agent_named(choice.uses).check(choice),
        registries=load_registries(settings.registries_file),
    )


def _unmet(profiles: Mapping[str, Profile], source: str, body: bytes) -> Iterator[str]:
    """Yield which comparison of a webhook's profile said no, if one did."""
    for name, profile in profiles.items():
        hook = profile.on.webhook
        if hook is not None and source == f"{WEBHOOK}/{hook.name}" and (says := first_unmet(hook.where, json.loads(body))) is not None:
            yield f"  {line(f'{name}: {says}', 1000)}"


def refuse_no_permission(permission: str) -> None:
    """Raise BellhopError for a word that is no permission of GitHub's."""
    if permission not in PERMISSIONS:
        raise BellhopError(f"--permission is one of {', '.join(PERMISSIONS)}, not {permission!r}", reason="no_such_permission")


def _options(event: Event, profile: Profile, bot_login: str) -> Iterator[str]:
    """Yield what the words that ring choose of the run, or why nothing would start."""
    options = options_of(event, bot_login)
    try:
        chosen(profile, options, default_branch=event.repo.default_branch)
    except NotOffered as error:
        yield f"  refused: {line(str(error), 1000)}"
    else:
        if options:
            yield f"  chosen: {line(', '.join(f'{name}={value}' for name, value in options.items()), 1000)}"


def _services(profile: Profile) -> Iterator[str]:
    if profile.services:
        yield "Services that run beside its sandboxes, in their network and with nothing but these settings:"
    for name, service in profile.services.items():
        yield f"  {line(says(name, service), 2000)}"


def _setup(profile: Profile) -> Iterator[str]:
    if profile.setup is not None:
        titles = "; ".join(step.title for step in profile.setup.steps)
        yield line(f"Setup, in a sandbox of its own, unless what it installs is kept already: {titles}", 1000)


def _grants(event: Event, profile: Profile, role: str, api_url: str) -> Iterator[str]:
    yield "Tokens it would ask for, each revoked after use, none ever inside the sandbox:"
    if not event.repo.is_looked_up:
        yield f"  before them, to look up {line(event.repo.full_name, 300)} by its name, one that reads its metadata and nothing else (its id stands as 0 below)"
    is_of_operator = voucher(event, profile.who.apps) == "operator"
    asked = (head_grant(event), ci_grant(event, kinds_of(profile.on))) if is_ci(event) else (authorise_grant(event),)
    grants: tuple[Grant, ...] = (
        *(() if is_of_operator else asked),
        workspace_grant(event, profile, None if is_of_operator else role), reply_grant(event),
    )
    if profile.keeps_changes:
        grants += (publish_grant(event),)
    for said in _token_lines(event, profile, "admin" if is_of_operator else role, grants, api_url.rstrip("/")):
        yield f"  {line(said, 2000)}"


def _token_lines(event: Event, profile: Profile, role: str, grants: tuple[Grant, ...], api_url: str) -> Iterator[str]:
    for grant in grants:
        # Spelt as it is sent, byte for byte.
        body = json.dumps(token_request(grant), ensure_ascii=False, separators=(",", ":"))
        yield f"{grant.purpose}: POST {api_url}{token_path(grant.repo)} {body}"
    for name in entitled(profile.permissions, role).left_out:
        yield f"left out: {name}, which takes `{needed_role(name, 'read')}`"
    if event.repo.installation_id is None:
        yield f"{{installation_id}} is looked up: GET {api_url}/repos/{event.repo.full_name}/installation"
