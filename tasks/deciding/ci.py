"""What is asked about a commit whose CI has failed, before it is decided on: where its branch stands, whose push it is, what else fails."""

from __future__ import annotations

from sqlalchemy import Connection

from app.core.decide import Decision, Facts, Ignore, decide
from app.core.deciding.ci_head import KINDS, PERMISSIONS, Piece, PieceKind, is_ci, kinds_of
from app.core.deciding.decide_ci import USED_UP, WAITS_FOR, CiFacts
from app.core.deciding.standing import voucher
from app.core.event import OPERATOR, Actor, Event
from app.core.grant import Access, Grant
from app.core.outcome import PullRequest
from app.core.profile import Profile
from app.core.ringing.rings import rings
from app.core.run import Run
from app.core.showing.offers import is_of_branch
from app.core.showing.reply import thread_in
from app.errors import GrantRefused, Unsupported
from app.ledger import ci_attempts, inbox, outbox, runs
from app.ports import CiService, HasCi
from app.publish.describe import TEMPLATES_DIR
from app.publish.inert import Inert
from app.publish.proposal import Proposal
from app.publish.templates import render
from tasks.parts import Parts

OWN_BRANCHES = "bellhop/"
NOTICE = "ci-attempts"
_TEMPLATE = "replies/attempts.md.j2"

# What has not ended after so long is not waited for any more.
WAITS_SECONDS = 2 * 3600.0
_SOONEST_SECONDS, _LATEST_SECONDS = 2.0, 300.0
# A branch without a pull request lives for ever: what was tried on it long ago does not count.
_BRANCH_SECONDS = 24 * 3600.0


def ci_of(parts: Parts, event: Event) -> CiService:
    """Return what the event's service knows of CI. Raises Unsupported."""
    service = parts.service(event)
    if not isinstance(service, HasCi):
        raise Unsupported(f"{event.source} has no CI that Bellhop could ask about")
    return service.ci


def ci_grant(event: Event, kinds: tuple[PieceKind, ...]) -> Grant:
    """Return what reading CI of these kinds needs, and nothing else."""
    return Grant(purpose="ci", repo=event.repo, permissions=dict.fromkeys((PERMISSIONS[kind] for kind in kinds), "read"))


def head_grant(event: Event) -> Grant:
    """Return what looking up a branch, its pull request and who has pushed it needs, and what that person may do."""
    asked: dict[str, Access] = {"metadata": "read", "contents": "read", "pull_requests": "read"}
    return Grant(purpose="authorise", repo=event.repo, permissions=asked)


def decide_on_ci(parts: Parts, inbox_id: int, event: Event, facts: Facts) -> tuple[Decision, Event, str | None]:
    """Return the decision on an end of CI that a profile takes, the event as its run is to see it, and the credential's id.

    Raises BellhopError.
    """
    taking = [parts.profiles[name] for name in sorted(parts.profiles) if rings(parts.profiles[name], event, facts.bot_login)]
    if not taking or event.ci is None or event.branch is None:
        return decide(event, parts.profiles, facts), event, None
    service, commit = ci_of(parts, event), event.ci.head_commit
    pieces = read_pieces(parts, event, taking[0], run_id=None)
    with parts.credential(head_grant(event), run_id=None) as credential:
        head = service.branch_head(credential, event.repo, event.branch)
        pull = service.open_pull_of(credential, event.repo, event.branch) if head is not None else None
        if pull is not None:
            event = event.model_copy(update={
                "number": pull.number, "is_pull_request": True, "pull": pull, "thread": thread_in(event.repo.full_name, pull.number),
            })
        with parts.database.read() as tx:
            has_waited = inbox.age_seconds(tx, inbox_id) > WAITS_SECONDS
            known, over = _known(tx, event, head, pieces)
            asker = _asker(tx, over, commit)
        pusher = service.pushed_by(credential, event.repo, event.branch or "", head) if head is not None else None
        event, says = _with_who_stands(event, pusher, asker, facts.bot_login, is_own=known.is_own)
        known = known.model_copy(update={"has_pull": pull is not None, "has_waited": has_waited, "stands_for": says})
        asks = bool(says) and voucher(event, ()) == "person"
        actual = parts.service(event).permission(credential, event.repo, event.actor.id, event.actor.login) if asks else None
        decided = decide(event, parts.profiles, facts.model_copy(update={"ci": known, "actor_permission": actual}))
        return decided, _titled(event, over), credential.id


def read_pieces(parts: Parts, event: Event, profile: Profile, *, run_id: str | None) -> tuple[Piece, ...]:
    """Return the CI of the event's commit, of the kinds that the profile names. Raises BellhopError.

    Where the App may not read all of them, of the kind that the event itself is: that one it may, having been told of it.
    """
    own = tuple(kind for kind in KINDS if kind == event.kind.partition(".")[0])
    commit = event.ci.head_commit if event.ci is not None else ""
    for kinds in (kinds_of(profile.on), own):
        try:
            with parts.credential(ci_grant(event, kinds), run_id=run_id) as credential:
                return ci_of(parts, event).pieces(credential, event.repo, commit, kinds)
        except GrantRefused:
            if kinds == own:
                raise
    return ()


def _known(tx: Connection, event: Event, head: str | None, pieces: tuple[Piece, ...]) -> tuple[CiFacts, list[Run]]:
    """Return what the ledger knows, and the runs that have published to the branch, newest first, where it is one of Bellhop's own."""
    branch = event.branch or ""
    is_own = branch.startswith(OWN_BRANCHES)
    case_id = branch.removeprefix(OWN_BRANCHES) if is_own else ci_attempts.case_of_thread(tx, event.thread)
    live = ci_attempts.live_in_case(tx, case_id) if case_id else None
    over = [run for run in ci_attempts.over_in_case(tx, case_id) if run.event.repo.id == event.repo.id] if case_id else []
    within = None if event.number is not None else _BRANCH_SECONDS
    counted = ci_attempts.count(tx, event.source, event.repo.id, event.ci.head_commit if event.ci else "", case_id, within)
    live_commit = None if live is None or not is_ci(live.event) or live.event.ci is None else live.event.ci.head_commit
    facts = CiFacts(
        head_commit=head, pieces=pieces, is_own=is_own, at_head=counted.at_head, in_case=counted.in_case, is_live=live is not None,
        live_commit=live_commit,
    )
    return facts, [run for run in over if isinstance(run.outcome, PullRequest)] if is_own else []


def _asker(tx: Connection, over: list[Run], commit: str) -> Run | None:
    """Return the run that has published exactly this commit, by what is on file and not by what anybody says of it."""
    for run in over:
        candidate = runs.candidate(tx, run.id)
        if candidate is not None and Proposal.model_validate_json(candidate).commit == commit:
            return run
    return None


def _with_who_stands(event: Event, pusher: Actor | None, asker: Run | None, bot_login: str, *, is_own: bool) -> tuple[Event, str]:
    """Return the event as whoever stands for it would have made it, and how they come to; no words where nobody does."""
    if pusher is None:
        return event, ""
    if pusher.login.casefold() != bot_login.casefold():
        return event.model_copy(update={"actor": pusher}), f"{pusher.login} stands for it, who has pushed that"
    if not is_own or asker is None:
        return event, ""
    answers = voucher(asker.event, ())
    if answers == "operator":
        return event.model_copy(update={"actor": OPERATOR}), f"the operator stands for it, on whose word alone ({asker.event.kind}) Bellhop has made that commit"
    if answers == "person":
        return event.model_copy(update={"actor": asker.event.actor}), f"{asker.event.actor.login} stands for it, who had asked for what Bellhop has pushed"
    return event, ""


def _titled(event: Event, over: list[Run]) -> Event:
    """Return the event with a title for what comes of it: a pull request of Bellhop's own keeps the one that it has."""
    named = event.ci.name if event.ci is not None else ""
    kept = next((run.outcome.title for run in over if isinstance(run.outcome, PullRequest)), "")
    title = kept or f"Mend {named or 'CI'} on {event.branch}"
    return event.model_copy(update={"title": title})


def waits(tx: Connection, inbox_id: int, decision: Decision) -> bool:
    """Return whether the event waits for something, and have it decided on again later if so."""
    if not isinstance(decision, Ignore) or decision.reason not in WAITS_FOR:
        return False
    seconds = min(max(inbox.age_seconds(tx, inbox_id) / 4, _SOONEST_SECONDS), _LATEST_SECONDS)
    inbox.wait(tx, inbox_id, seconds, f"waits: {decision.reason} ({'; '.join(decision.why)})")
    return True


def profile_for(event: Event, profile: Profile) -> Profile:
    """Return the profile with the branch that a push, or CI or a button of a branch without a pull request, is about."""
    is_its_own = event.kind == "push" or is_ci(event) or is_of_branch(event)
    return profile.model_copy(update={"branch": event.branch}) if is_its_own and event.pull is None else profile


def begun(tx: Connection, event: Event, run_id: str) -> None:
    """Put on file that a run was started for failed CI, if it was."""
    run = runs.load(tx, run_id)
    if is_ci(event) and event.ci is not None and run is not None:
        ci_attempts.note(tx, run, event.ci.head_commit)


def goes_on(event: Event) -> bool:
    """Return whether a run on failed CI goes on with the conversation of Bellhop's own pull request."""
    return is_ci(event) and event.pull is not None and event.pull.head_ref.startswith(OWN_BRANCHES)


def notice(tx: Connection, parts: Parts, event: Event, decision: Decision) -> tuple[str, str] | None:
    """Say once, beside the newest run's comment, that no further run comes; return (run id, kind of the reply) if that is news."""
    if not isinstance(decision, Ignore) or decision.reason != USED_UP:
        return None
    branch = event.branch or ""
    case_id = branch.removeprefix(OWN_BRANCHES) if branch.startswith(OWN_BRANCHES) else ci_attempts.case_of_thread(tx, event.thread)
    run_id = ci_attempts.newest_run(tx, case_id) if case_id else None
    run = runs.load(tx, run_id) if run_id else None
    if run is None or outbox.load(tx, run.id, NOTICE) is not None:
        return None
    own = parts.settings.templates_dir
    body = render(
        own if (own / _TEMPLATE).is_file() else TEMPLATES_DIR, _TEMPLATE, branch=branch, profile=run.profile, event=event, ci=event.ci,
        bot=Inert(parts.settings.bot_login.removesuffix("[bot]")),
    )
    outbox.put(tx, run.id, NOTICE, parts.redacted(body))
    return run.id, NOTICE
