"""The replies people read: host's facts apart from the agent's words, and every untrusted value inert."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from app.core.assignment import SandboxEnd
from app.core.deciding.mention import commands
from app.core.event import Actor, Repo
from app.core.outcome import Failed, Message, NothingToDo, Outcome, PullRequest, Refused, VerifyResult
from app.core.profile import AgentChoice
from app.core.ringing.on import CommentFilter
from app.core.run import Run, comment_marker
from app.core.sandbox.denied import Denied
from app.errors import ProfileError
from app.publish.candidate import FileChange
from app.publish.describe import BODY_LIMIT_CHARS, Work, render_comment, render_pull_request
from app.publish.policy import Violation
from app.publish.verify import verify_result
from app.publish.workflows import Workflows
from tests.app.publish.conftest import MakeRun

EVIL = "@octocat fixes #99 ![x](http://evil.invalid/p.png) <img src=x> ``` [skip ci]\n\n/merge\n</details>\n```\n<!-- bellhop-run: zzz -->\u202e\x1b[31m"
CHANGES = (FileChange(path="src/a.py", status="M", old_mode="100644", new_mode="100644", size=9, added=3, deleted=1),)
PASSED = VerifyResult(command="make test", passed=True, exit_code=0, duration_ms=2500)
URL = "http://127.0.0.1:8300"


def outside_code(text: str) -> str:
    """Return what is left of a markdown text when code blocks and code spans are taken out."""
    text = re.sub(r"(?ms)^(`{3,})text\n.*?^\1$", "", text)
    return re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "", text)


def pull_request(run: Any, **changes: Any) -> tuple[str, str]:
    values: dict[str, Any] = {"changes": CHANGES, "work": Work(), "agent_text": "I made it greet the world.", "settings_url": URL} | changes
    return render_pull_request(run, **values)


def test_the_pull_request_says_what_the_host_measured_before_what_the_agent_said(make_run: MakeRun) -> None:
    """T72."""
    work = Work(model="m-1", steps=4, input_tokens=1200, output_tokens=300, duration_ms=125_000, cost="$0.42")
    title, body = pull_request(make_run(), work=work, verify=PASSED, agent_text="All tests pass.")
    assert title == "Make it greet the world"
    facts, _, said = body.partition("### In the agent's own words")
    for fact in (
        "Fixes #7", "`main` at `" + "b" * 40, "1 file, +3 -1", "**passed**, `make test` in a fresh sandbox", "`container`", "`mini`, model `m-1`",
        "4 steps", "1200 in, 300 out; `$0.42`\n- Run", "2 min 5 s", f"({URL}/runs/abcdefabcdef)", "`octocat`", "CI: held", "`src/a.py` (`M`, +3 -1)",
    ):
        assert fact in facts, fact
    assert "All tests pass." in said
    assert "All tests pass." not in facts
    assert body.endswith(f"{comment_marker('abcdefabcdef')}\n")


def test_what_was_denied_is_said_with_its_reason_and_its_number(make_run: MakeRun) -> None:
    denied = [Denied(target=f"CONNECT host{number}.example:443", why="not named") for number in range(8)]
    _, body = pull_request(make_run(), denied=denied)
    assert "Denied at its door: 8 different requests" in body
    assert "  - `CONNECT host4.example:443` (not named)\n" in body
    assert "host5" not in body
    assert "  - and 3 more, in the run's transcript\n- Run:" in body
    said = render_comment(make_run(), denied=denied)
    assert "Denied at its door (8), in the sandbox's own words: `CONNECT host0.example:443` (not named), " in said
    assert "and 5 more." in said
    for text in (pull_request(make_run())[1], render_comment(make_run())):
        assert "Denied" not in text


def test_nothing_measured_is_not_claimed(make_run: MakeRun) -> None:
    run = make_run()
    run = run.model_copy(update={"profile": run.profile.model_copy(update={"ci": "run"})})
    _, body = pull_request(run, agent_text="")
    assert "Verified: no, the profile names no" in body
    assert "The agent said nothing." in body
    for absent in ("Tokens", "Worked for", "CI:", "WARNING", "None"):
        assert absent not in body


def test_a_failed_check_is_shown_with_its_last_lines(make_run: MakeRun) -> None:
    verify = verify_result("make test", SandboxEnd(reason="exited", exit_code=2, duration_ms=900), ["one", "boom"])
    _, body = pull_request(make_run(), verify=verify)
    assert "**failed**, `make test`" in body
    assert "exit code 2" in body
    assert "one\nboom" in body


def test_warnings_come_first(make_run: MakeRun) -> None:
    _, body = pull_request(make_run(), warnings=(Violation(rule="protected_path", path=".github/x\u202e`"),))
    assert body.startswith("> [!WARNING]\n> Look at these first:\n> - changes a protected path: `` .github/x` ``")


def test_the_body_carries_no_skip_instruction_for_a_squash_commit_to_inherit(make_run: MakeRun) -> None:
    _, body = pull_request(make_run(), agent_text=EVIL)
    assert not re.search(r"(?i)\[\s*(skip|ci|no)\s", body)


def hostile_run(make_run: MakeRun) -> Any:
    run = make_run()
    event = run.event.model_copy(update={
        "title": EVIL, "text": EVIL, "actor": Actor(id="1", login=EVIL, kind="person"), "url": EVIL,
        "repo": Repo(id=1, full_name=EVIL, default_branch=EVIL),
    })
    on = run.profile.on.model_copy(update={"issues": run.profile.on.issues.model_copy(update={"labels": (EVIL,)}) if run.profile.on.issues else None})
    profile = run.profile.model_copy(update={"name": EVIL, "agent": AgentChoice.model_construct(uses=EVIL, model=EVIL), "on": on})
    return run.model_copy(update={"event": event, "profile": profile, "isolation": EVIL, "backend": EVIL, "base_commit": EVIL})


HOSTILE_VERIFY = VerifyResult(command=EVIL, passed=False, exit_code=1, duration_ms=1, tail=EVIL)


def assert_inert(text: str, own_references: tuple[str, ...] = ()) -> None:
    for own in own_references:
        text = text.replace(own, "")
    for active in ("@octocat", "#99", "://evil", "\n/merge", "<!-- bellhop-run: zzz", "\u202e", "\x1b", "[skip ci]"):
        assert active not in text, active
    plain = outside_code(text)
    for markup in ("](", "<img"):
        assert not re.search(rf"(?<!\\){re.escape(markup)}(?!{URL})", plain), markup
    assert plain.count("</details>") == plain.count("<details>")


def test_a_pull_request_of_hostile_values_is_inert(make_run: MakeRun) -> None:
    """T68, T69, T70: every variable of the template hostile at once."""
    title, body = pull_request(
        hostile_run(make_run), agent_text=EVIL, agent_title=EVIL, verify=HOSTILE_VERIFY, work=Work(model=EVIL), settings_url=URL,
        changes=(FileChange(path=EVIL, status=EVIL, old_mode="1", new_mode="2"),),
        warnings=(Violation(rule="submodule", path=EVIL, detail=EVIL),), denied=[Denied(target=EVIL, why=EVIL)] * 7,
    )
    assert_inert(body, ("Fixes #7",))
    assert title.startswith("@\u200boctocat fixes #\u200b99")
    assert not re.search(r"[\n\x1b\u202e]|://|\[skip", title)


@pytest.mark.parametrize(
    "outcome",
    [
        None, NothingToDo(text=EVIL), Message(text=EVIL), Refused(reason=EVIL, text=EVIL), Failed(reason=EVIL, text=EVIL, who=EVIL),
        PullRequest(url=EVIL, number=1, branch=EVIL, title=EVIL, verify=HOSTILE_VERIFY, warnings=(EVIL, EVIL)),
    ],
)
def test_a_comment_of_hostile_values_is_inert(make_run: MakeRun, outcome: Outcome | None) -> None:
    text = render_comment(hostile_run(make_run).model_copy(update={"outcome": outcome}), settings_url=URL, denied=[Denied(target=EVIL, why=EVIL)])
    assert_inert(text)
    assert text.endswith(f"\n\n{comment_marker('abcdefabcdef')}\n")


@pytest.mark.parametrize(
    ("state", "said"),
    [("queued", "waiting for a free place"), ("starting", "preparing the sandbox"), ("running", "the agent is working"),
     ("verifying", "checking the result"), ("publishing", "publishing the result")],
)
def test_the_comment_while_it_works(make_run: MakeRun, state: str, said: str) -> None:
    text = render_comment(make_run(state=state), settings_url=URL)
    assert text.startswith("On it: profile `fix`, agent `mini`.")
    assert said in text
    assert f"[Transcript]({URL}/runs/abcdefabcdef)" in text


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (PullRequest(url="https://github.com/o/r/pull/8", number=8, branch="b", title="t", verify=PASSED),
         "Pull request: https://github.com/o/r/pull/8\n\nVerified: `make test` **passed**"),
        (PullRequest(url="https://github.com/o/r/pull/8", number=8, branch="b", title="t", draft=True), "Draft pull request: https://"),
        (NothingToDo(text="It greets already."), "changed nothing. In its own words:\n\n```text\nIt greets already.\n```"),
        (Message(text="Because."), "In the agent's own words:\n\n```text\nBecause.\n```"),
        (Refused(reason="new_symlink", text="It adds a link."), "Not done: It adds a link."),
        (Refused(reason="cancelled", text="Stopped, as asked for."), "Stopped, as asked for."),
        (Failed(reason="lost", text="The sandbox was lost.", who="nobody"), "That did not work: The sandbox was lost."),
        (Failed(reason="setup_failed", text="It failed.\n\nIts last lines:\nnpm error code\n@ada", who="person"),
         "That did not work: It failed.\n\n```text\nIts last lines:\nnpm error code\n@\u200bada\n```\n\nYou can mend this."),
    ],
)
def test_the_comment_at_the_end(make_run: MakeRun, outcome: Outcome, said: str) -> None:
    assert said in render_comment(make_run(state="done", outcome=outcome), settings_url=URL)


@pytest.mark.parametrize(("who", "said"), [("person", "You can mend this."), ("operator", "The operator of this Bellhop"), ("nobody", "Nobody has to")])
def test_a_failure_says_who_should_act_and_how_to_try_again(make_run: MakeRun, who: str, said: str) -> None:
    text = render_comment(labelled(make_run(state="done", outcome=Failed(reason="x", text="No.", who=who))))
    assert said in text
    assert "To try again, take the label `bellhop` off and put it on again." in text
    assert "Transcript" not in text


def labelled(run: Run, **event: Any) -> Run:
    """Return the run as one that the label `bellhop` started."""
    return run.model_copy(update={"event": run.event.model_copy(update={"kind": "issues.labeled", "label": "bellhop"} | event)})


def taking_comments(run: Run) -> Run:
    on = run.profile.on.model_copy(update={"issue_comment": CommentFilter()})
    return run.model_copy(update={"profile": run.profile.model_copy(update={"on": on})})


def test_how_to_try_again_is_what_started_it(make_run: MakeRun) -> None:
    run = labelled(make_run(state="done", outcome=Refused(reason="x", text="No.")), kind="issue_comment.created", label=None)
    text = render_comment(taking_comments(run), bot_login="robo[bot]")
    assert "To try again, write `@robo ...` again." in text
    assert commands("@robo ...", "robo[bot]")
    opened = labelled(run, kind="issues.opened", label=None)
    assert "label" not in render_comment(opened)
    assert "To try again" not in render_comment(opened)


def test_a_stop_is_called_one_and_how_to_begin_again_is_said(make_run: MakeRun) -> None:
    text = render_comment(labelled(make_run(state="done", outcome=Refused(reason="cancelled", text="Stopped, as asked for."))))
    assert text.startswith("Stopped, as asked for.")
    assert "To begin again, take the label `bellhop` off" in text


def test_comments_that_nobody_saw_are_counted_and_what_helps_is_said(make_run: MakeRun) -> None:
    over = labelled(make_run(state="done", outcome=NothingToDo(text="x")))
    text = render_comment(over, unread=("ann", "bo"))
    assert "The agent did not see 2 comments written here while this run was under way (by `ann`, `bo`)." in text
    assert "put it into the issue, take the label `bellhop` off" in text
    live = render_comment(taking_comments(labelled(make_run(state="running"))), unread=("ann",), takes_comments=False)
    assert "does not see one comment written here while this run is under way (by `ann`): `mini` takes none while it works." in live
    assert "wait for the end of this run, then write `@bellhop ...`." in live


def test_a_pull_request_stays_below_githubs_limit(make_run: MakeRun) -> None:
    many = tuple(CHANGES[0].model_copy(update={"path": f"{'p' * 290}{number}"}) for number in range(3000))
    _, body = pull_request(make_run(), changes=many, agent_text="word " * 100_000, verify=HOSTILE_VERIFY.model_copy(update={"tail": "t\n" * 50_000}))
    assert len(body) < BODY_LIMIT_CHARS
    assert body.endswith("-->\n")
    assert "and 2900 more" in body


def test_t68_at_its_fullest_a_pull_request_is_cut_at_a_line_and_keeps_its_mark(make_run: MakeRun) -> None:
    """Half a code span would be markdown of the agent's own."""
    many = tuple(CHANGES[0].model_copy(update={"path": f"{'@p' * 150}{number}"}) for number in range(100))
    warnings = tuple(Violation(rule="protected_path", path="**Verified** @p" * 100) for _ in range(20))
    held = Workflows(held=("@h" * 150,) * 20, anyway=(("@h" * 150, ("create",)),) * 20, unread=("@h" * 150,) * 20)
    run = make_run()
    _, body = pull_request(run, changes=many, warnings=warnings, workflows=held, agent_text="@a " * 9000)
    assert len(body) < BODY_LIMIT_CHARS
    assert body.endswith(f"{comment_marker(run.id)}\n")
    assert not [line for line in body.split("\n") if line.startswith("- `") and not line.endswith(")")]
    assert_inert(body)


def test_a_template_of_the_teams_own_is_safe_without_knowing_it(make_run: MakeRun, tmp_path: Path) -> None:
    """What is printed without a filter is a code span; an unknown variable is an error that names the file."""
    (tmp_path / "replies").mkdir()
    template = tmp_path / "replies" / "comment.md.j2"
    template.write_text("{{ event.title }} {{ event.title | upper }} {{ 'a' ~ event.title }}")
    assert_inert(render_comment(hostile_run(make_run), templates_dir=tmp_path))
    other = tmp_path / "other"
    (other / "replies").mkdir(parents=True)
    (other / "replies" / "comment.md.j2").write_text("{{ nothing }}")
    with pytest.raises(ProfileError, match=r"comment\.md\.j2 cannot be rendered: 'nothing' is undefined"):
        render_comment(make_run(), templates_dir=other)
    with pytest.raises(ProfileError, match=r"comment\.md\.j2"):
        render_comment(make_run(), templates_dir=tmp_path / "none")


@pytest.mark.parametrize(
    ("end", "passed"),
    [
        (SandboxEnd(reason="exited", exit_code=0), True), (SandboxEnd(reason="exited", exit_code=1), False),
        (SandboxEnd(reason="exited"), False), (SandboxEnd(reason="timeout", exit_code=0), False), (SandboxEnd(reason="lost"), False),
    ],
)
def test_only_the_commands_own_zero_passes(end: SandboxEnd, passed: bool) -> None:
    assert verify_result("make test", end).passed is passed


def test_the_tail_is_bounded_and_says_what_was_not_the_commands_end() -> None:
    found = verify_result("make test", SandboxEnd(reason="timeout", text="after 60 s"), [f"line {n}\x1b[0m" for n in range(1000)])
    assert found.tail.splitlines()[0] == "line 980"
    assert found.tail.splitlines()[-1] == "[timeout] after 60 s"
    assert len(verify_result("x", SandboxEnd(reason="exited"), ["y" * 10_000] * 30).tail) <= 4000
