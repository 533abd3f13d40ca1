"""A review as the result of a run: checked against the change, made inert, posted once."""

from __future__ import annotations

import structlog

from app.core.grant import Grant
from app.core.outcome import Message, Outcome, Review
from app.core.report import LineComment, Report
from app.core.result.reviewing import Remark, Sorted, remarks_in, sort
from app.core.run import Run, comment_marker
from app.errors import ServiceError
from app.ledger import reports
from app.ledger.runs import Lease
from app.publish.inert import block, span, words
from app.publish.shown_lines import merge_base, shown_lines
from tasks.deciding.rights import refuse_if_lost, role_now
from tasks.leased import fence
from tasks.parts import Parts

log = structlog.get_logger()

MARKER_KIND = "review"


def all_reports(parts: Parts, run: Run) -> list[Report]:
    """Return what the run's agent has said through its tools, in order."""
    with parts.database.read() as tx:
        return [each.report for each in reports.of_run(tx, run.id)]


def change_from(parts: Parts, run: Run) -> str:
    """Return the commit that a change to be reviewed is counted from, or an empty string for a run that reviews none. Raises PublishRefused."""
    pull = run.event.pull
    if pull is None or run.profile.review is None:
        return ""
    return merge_base(parts.workspaces.git, parts.workspaces.mirror(run.event.repo), f"refs/heads/{pull.base_ref}", pull.head_commit)


def review(parts: Parts, lease: Lease, run: Run, said: str, told: list[Report]) -> Outcome:
    """Post what the run has to say on a pull request's change as one review, and return the outcome; safe to repeat.

    Where there is no change to review, it is a message. Raises PublishRefused, ServiceError, WorkspaceError, LeaseLost.
    """
    pull, wanted = run.event.pull, run.profile.review
    text, remarks = remarks_in(said)
    remarks = (*(Remark(path=each.path, line=each.line, text=each.text) for each in told if isinstance(each, LineComment)), *remarks)
    if pull is None or wanted is None:
        return Message(text=said)
    repo, service = run.event.repo, parts.service(run.event)
    start = change_from(parts, run)
    lines = shown_lines(parts.workspaces.git, parts.workspaces.mirror(repo), start, pull.head_commit)
    found = sort(remarks, lines, wanted.max_comments)
    grant = Grant(purpose="publish", repo=repo, permissions={"pull_requests": "write"})
    with parts.credential(grant, run_id=run.id) as credential:
        refuse_if_lost(role_now(parts, credential, run.event, run.profile), run.event, run.profile, "no review was posted")
        fence(parts, lease)
        marker = comment_marker(run.id, MARKER_KIND)
        try:
            url = service.ensure_review(
                credential, repo, pull.number, marker=marker, commit=pull.head_commit, body=_body(parts, text, found),
                comments=tuple((each.path, each.line, _inert(parts, each.text)) for each in found.on_lines),
            )
        except ServiceError as error:
            if error.status != 422:
                raise
            # The head was rewritten meanwhile, say: what was found is not lost for that.
            log.warning("review_without_lines", run_id=run.id, error=str(error))
            everywhere = Sorted(elsewhere=(*found.on_lines, *found.elsewhere), left_out=found.left_out)
            url = service.ensure_review(
                credential, repo, pull.number, marker=marker, commit=None, body=_body(parts, text, everywhere), comments=(),
            )
            found = everywhere
    return Review(url=url, comments=len(found.on_lines), elsewhere=len(found.elsewhere), text=text)


def _body(parts: Parts, text: str, found: Sorted) -> str:
    said = ["Reviewed by an agent; nobody has checked what it says. In its own words:", _inert(parts, text) or "It said nothing beyond its comments."]
    if found.elsewhere:
        said.append("About places that this change does not show:")
        said.append("\n".join(f"- {span(f'{each.path}:{each.line}')}: {words(parts.redacted_words(each.text))}" for each in found.elsewhere))
    if found.left_out:
        said.append(f"{found.left_out} more comments were left out: the profile allows no more.")
    return "\n\n".join(said)


def _inert(parts: Parts, text: str) -> str:
    return parts.redacted(block(parts.redacted_words(text), 4000))
