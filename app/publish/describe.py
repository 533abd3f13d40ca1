"""What people read: the pull request and the one comment in the thread, from templates; pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from pathlib import Path

from app.core.noun import Noun
from app.core.outcome import VerifyResult
from app.core.run import Run, comment_marker
from app.core.sandbox.denied import Denied
from app.core.words.seen import look
from app.publish.candidate import FileChange
from app.publish.inert import Inert, line, span
from app.publish.policy import SAYS, Violation
from app.publish.templates import render
from app.publish.touched_tests import SAID_FIRST, first_line
from app.publish.workflows import Workflows
from app.settings import ROOT

TEMPLATES_DIR = ROOT / "templates"
_FENCE = re.compile(r"^(`{3,})text$", re.MULTILINE)
BODY_LIMIT_CHARS = 60_000  # GitHub takes 65536

NO_WORKFLOWS = Workflows()

_SAYS = {rule: Inert(said) for rule, said in SAYS.items()}
_STAGES = {
    "queued": "waiting for a free place",
    "starting": "preparing the sandbox",
    "preparing": "setting up what the repository needs",
    "running": "the agent is working",
    "collecting": "collecting the result",
    "verifying": "checking the result in a fresh sandbox",
    "publishing": "publishing the result",
}
_WHO = {
    "person": "You can mend this",
    "operator": "The operator of this Bellhop has to look at this",
    "nobody": "Nobody has to mend anything",
}


class Work(Noun):
    """What the host measured of the agent's work; None where it was not measured."""

    model: str | None = None
    steps: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: str = ""
    duration_ms: int | None = None


def render_pull_request(
    run: Run, *, changes: tuple[FileChange, ...], work: Work, agent_text: str, agent_title: str = "",
    verify: VerifyResult | None = None, warnings: tuple[Violation, ...] = (), unfinished: str = "", settings_url: str = "",
    templates_dir: Path = TEMPLATES_DIR, base: str = "", base_commit: str = "", workflows: Workflows = NO_WORKFLOWS,
    denied: Sequence[Denied] = (), issue: int | None = None, merged: str = "",
) -> tuple[str, str]:
    """Return the pull request's title and body.

    What the host measured stands first and apart; `agent_text` and `agent_title` are the agent's own words and end up inert.
    `unfinished` says why the agent did not end well (empty: it did). `settings_url` is where this Bellhop's pages are (empty: no link). `base` and
    `base_commit` say what the result is proposed for and stands on, `workflows` what its push starts, `denied` what its
    sandboxes asked for at their door and did not get, `merged` the commit that it merges into its base, `issue` the issue that a conversation in a pull request began in. Raises
    ProfileError (the template).
    """
    issue = issue if run.event.is_pull_request else run.event.number
    body = render(
        templates_dir, run.profile.templates.pull_request, run=run, event=run.event, profile=run.profile, issue=issue,
        changes=changes, files=Inert("1 file" if len(changes) == 1 else f"{len(changes)} files"), added=sum(change.added or 0 for change in changes),
        deleted=sum(change.deleted or 0 for change in changes), work=work, verify=verify,
        warnings=[(_SAYS[warning.rule], warning) for warning in warnings if warning.rule not in SAID_FIRST], unfinished=unfinished, agent_text=agent_text,
        run_url=run_url(settings_url, run.id), marker=Inert(comment_marker(run.id)), base=base or run.base_branch,
        base_commit=base_commit or run.base_commit, merged=merged, pull=run.event.pull, workflows=workflows, denied=denied,
        hidden=_hidden(run),
    )
    # Above what any template makes of the rest.
    if tests := first_line(warnings):
        body = f"{tests}\n\n{body.lstrip()}"
    if len(body) > BODY_LIMIT_CHARS:
        body = f"{_cut(body)}\n\n{comment_marker(run.id)}\n"
    return pull_request_title(run, agent_title), body


def _cut(body: str) -> str:
    """Return the beginning of a body that is too long, by whole lines: half a code span or code block would be markdown again."""
    kept = body[: BODY_LIMIT_CHARS - 200].rpartition("\n")[0]
    fence = next(iter(reversed(list(_FENCE.finditer(kept)))), None)
    if fence is not None and f"\n{fence[1]}\n" not in f"{kept[fence.end():]}\n":
        kept = kept[: fence.start()]
    folded = "\n\n</details>" if kept.count("\n<details>") > kept.count("\n</details>") else ""
    return f"{kept.rstrip()}{folded}\n\n(cut here: GitHub takes no longer text)"


def pull_request_title(run: Run, agent_title: str = "") -> str:
    """Return one inert line: the agent's title, or the issue's."""
    return line(agent_title, 120) or line(run.event.title, 120) or f"Change made by Bellhop ({run.id})"


def stage_of(run: Run) -> str:
    """Return in a few words what is being done for a run."""
    return _STAGES.get(run.state, run.state)


def render_comment(
    run: Run, *, settings_url: str = "", templates_dir: Path = TEMPLATES_DIR, unread: tuple[str, ...] = (),
    takes_comments: bool = True, bot_login: str = "bellhop[bot]", updates: tuple[str, ...] = (), question: str = "",
    notes: tuple[str, ...] = (), denied: Sequence[Denied] = (), waits: str = "", progress: str = "", approval: str = "",
    remarks: tuple[str, ...] = (),
) -> str:
    """Return the run's one comment as it should stand now: underway, or its outcome; ends with its hidden marker.

    `unread` names the authors of follow-ups that the agent was not handed, `takes_comments` says whether it takes any.
    `updates` and `question` are the agent's words while it works, `notes` what the gateway says of its budget,
    `denied` what its sandboxes asked for at their door and did not get, `waits` where it stands in the line, `approval` how its result
    comes to be approved, `remarks` what else Bellhop says of it.
    Raises ProfileError (the template).
    """
    outcome = run.outcome
    text = render(
        templates_dir, run.profile.templates.comment, run=run, event=run.event, profile=run.profile, outcome=outcome,
        stage=Inert(waits or stage_of(run)), progress=Inert(progress),
        labels=run.profile.on.issues.labels if run.profile.on.issues else (),
        run_url=run_url(settings_url, run.id), who=Inert(_WHO.get(getattr(outcome, "who", "operator"), _WHO["operator"])), unread=len(unread),
        unread_authors=sorted(set(unread)), takes_comments=takes_comments, again=_again(run, bot_login),
        follow_up=_follow_up(run, bot_login), updates=updates, question=question, notes=notes, denied=denied,
        hidden=_hidden(run), approval=approval, remarks=remarks,
    )
    return f"{text.strip()}\n\n{comment_marker(run.id)}\n"


def _hidden(run: Run) -> int:
    """Return how many characters of the request its page does not show, so that no agent was given them."""
    return look(run.event.title).hidden + look(run.event.words).hidden


def _again(run: Run, bot_login: str) -> str:
    """Return what starts the same again, as far as that is what started it."""
    label = run.event.label if run.event.kind == "issues.labeled" else None
    if label:
        return Inert(f"take the label {span(label)} off and put it on again")
    return _mention(run, bot_login)


def _mention(run: Run, bot_login: str) -> str:
    if run.profile.on.issue_comment is None:
        return Inert("")
    # Not `span`, which puts a character into it that nobody sees: people copy this.
    again = " again" if run.event.is_comment else ""
    return Inert(f"write `@{line(bot_login.removesuffix('[bot]'))} ...`{again}")


def _follow_up(run: Run, bot_login: str) -> str:
    """Return how to have a comment worked on that no agent saw, as far as the profile knows a way."""
    if mention := _mention(run, bot_login):
        return mention
    if run.event.kind == "issues.labeled" and run.event.label:
        return Inert(f"put it into the issue, {_again(run, bot_login)}")
    return Inert("")


def run_url(settings_url: str, run_id: str) -> str:
    """Return the address of a run's page, or an empty string where there is none to give."""
    return posixpath.join(settings_url, "runs", run_id) if settings_url else ""
