"""What CI that has ended comes to: who stands for it, and whether it is still worth a run; pure.

CI itself is a program's word, and words in its logs are anybody's. Whoever stands for a run is the person who has pushed the commit
that failed, or, for a commit of Bellhop's own, the one who had asked for that.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.core.deciding.ci_head import Piece, failed, under_way
from app.core.event import Actor, Ci, Event
from app.core.noun import Noun
from app.core.profile import Profile

# What an event may wait for; it is decided on again, and nobody has to ring again.
WAITS_FOR = frozenset({"ci_under_way", "run_under_way"})
USED_UP = "attempts_used_up"


class CiFacts(Noun):
    """What is known of the commit that failed beside the event, which has `stands_for` as its actor by now.

    `head_commit` is where its branch stands (None: it is gone), `pieces` all of that commit's CI. `is_own`: the branch is one of Bellhop's,
    `has_pull`: it has an open pull request. `stands_for` says how the actor comes to answer for it (empty: nobody does). `at_head` and
    `in_case` count the runs that there were for this commit, and for this conversation; `is_live`: one of that is live, on `live_commit`.
    `has_waited`: for so long that CI which is still under way is not waited for any more.
    """

    head_commit: str | None
    pieces: tuple[Piece, ...] = ()
    is_own: bool = False
    has_pull: bool = False
    stands_for: str = ""
    at_head: int = 0
    in_case: int = 0
    is_live: bool = False
    live_commit: str | None = None
    has_waited: bool = False


def passed_over(event: Event, bot_login: str) -> tuple[str, str] | None:
    """Return why an end of CI is none of our business whatever a profile says, as a slug and in words, or None."""
    ci = event.ci
    if ci is None:
        return None
    if ci.app is not None and ci.app.casefold() == bot_login.removesuffix("[bot]").casefold():
        return "own_check", "it is a check of Bellhop's own"
    if ci.head_repo_id is not None and ci.head_repo_id != event.repo.id:
        return "fork", f"what failed is in another repository, {ci.head_repo_id}: for a fork's files nobody here stands"
    if event.branch is None:
        return "branch_unknown", f"it does not say which branch {ci.head_commit[:12]} is the head of"
    return None


def judge(event: Event, profile: Profile, facts: CiFacts) -> tuple[str, tuple[str, ...]]:
    """Return why no run follows, as a slug (empty: one may), and what there is to say of it."""
    if event.ci is None:
        return "", ()
    at = f"{event.branch} at {event.ci.head_commit[:12]}"
    for reason, says in _objections(event, event.ci, profile, facts, at):
        return reason, (says,)
    return "", (f"{_named(failed(profile.on, event, facts.pieces))} failed at {at}", facts.stands_for)


def _objections(event: Event, ci: Ci, profile: Profile, facts: CiFacts, at: str) -> Iterator[tuple[str, str]]:
    """Yield what speaks against a run, the weightiest first."""
    limits = profile.limits
    if facts.head_commit != ci.head_commit:
        yield "newer_head", f"it is about {at}, and the branch {f'stands at {facts.head_commit[:12]}' if facts.head_commit else 'is gone'}"
    if facts.is_live and facts.live_commit != ci.head_commit:
        yield "run_under_way", "another run of this conversation is live, and this waits for its end"
    if facts.is_live:
        yield "already_running", f"a run for {at} is live"
    if (event.number is not None or facts.is_own) and not facts.has_pull:
        yield "pull_request_closed", f"there is no open pull request of {event.branch} any more"
    if facts.at_head >= limits.ci_attempts_per_head:
        yield "head_done", f"{_runs(facts.at_head)} at {at} already, and the profile allows {limits.ci_attempts_per_head}"
    if not facts.has_waited and (waiting := under_way(profile.on, event, facts.pieces)):
        yield "ci_under_way", f"{_named(waiting)} has not ended, and this waits for it"
    if not failed(profile.on, event, facts.pieces):
        yield "passed_since", f"nothing fails at {at} any more, and nothing was pushed: {ci.name} is flaky"
    if facts.in_case >= limits.ci_attempts:
        yield USED_UP, f"{_runs(facts.in_case)} for this branch already, and the profile allows {limits.ci_attempts}"
    if not facts.stands_for:
        yield "nobody_stands_for_it", f"nobody knows who has pushed {at}"


def supposed(event: Event) -> tuple[Event, CiFacts]:
    """Return an end of CI, and the facts, under which it starts a run if everything is as it says: for those who ask nobody."""
    if event.ci is None:
        return event, CiFacts(head_commit=None)
    piece = Piece.model_validate({"kind": event.kind.partition(".")[0], "ci": event.ci})
    somebody = Actor(id="0", login="whoever-has-pushed-it", kind="person")
    says = f"supposing that {event.branch} stands there, that nothing else of its CI is under way, and that it was not worked on before"
    return event.model_copy(update={"actor": somebody}), CiFacts(head_commit=event.ci.head_commit, pieces=(piece,), has_pull=True, stands_for=says)


def _runs(count: int) -> str:
    return "there was one run" if count == 1 else f"there were {count} runs"


def _named(pieces: tuple[Piece, ...]) -> str:
    names = list(dict.fromkeys(piece.ci.name for piece in pieces))
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
