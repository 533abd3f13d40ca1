"""What the pages show: all of it, as text."""

from __future__ import annotations

import httpx
import pytest

from app.core.outcome import Failed, PullRequest, VerifyResult
from app.core.profile import Profile
from app.core.report import NothingToReport, ProposedPullRequest, Question, Update
from app.core.step import Step
from app.ledger import audit, inbox, reports
from app.ledger.database import Database
from tests.app.observe.page_reader import Page
from tests.app.observe.scene_runs import FORGE, PROFILE, ended, event, log_lines, say, started

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "</pre></li></ol></title><iframe src=javascript:alert(1)>",
    "{{ 7*7 }}{% include '/etc/passwd' %}",
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
    "' onmouseover='alert(1)",
)
OURS = {
    "html", "head", "meta", "title", "link", "body", "header", "a", "main", "h1", "h2", "p", "bdi", "code", "span", "ul", "li", "ol",
    "details", "summary", "pre", "section", "div", "table", "tbody", "tr", "td", "noscript", "script", "form", "input", "button",
}


def test_a_run_shows_where_it_stands(visitor: httpx.Client, database: Database) -> None:
    profile = Profile.model_validate({
        "name": "fix-issue", "on": {"issues": {"types": ["labeled"]}}, "permissions": {"contents": "read"},
        "agent": {"uses": "mini", "model": "anthropic/claude-sonnet-4-5"}, "container": {"image": "python:3.11-slim"},
    })
    run_id, lease = started(database, profile=profile)
    say(database, run_id, Step(kind="message", text="I begin."), Step(kind="tool_call", text="ls"))
    page = Page(visitor.get(f"/runs/{run_id}").text)
    assert page.by_id("state").words == "running"
    assert "agent at work" in page.by_id("stages").words
    for said in ("container (docker)", "mini on anthropic/claude-sonnet-4-5", "python:3.11-slim", "host-1"):
        assert said in page.by_id("facts").words
    for said in ("octo/till, no other", "contents: read", "none; two sockets", "to no host"):
        assert said in page.by_id("grant").words
    assert "ghs-0123456789ab" in page.by_id("credentials").words
    assert "I begin." in page.by_id("steps").words
    assert "data-live" in page.by_id("steps").attributes
    verify = VerifyResult(command="make test", passed=False, exit_code=2, duration_ms=900, tail="boom")
    ended(database, lease, PullRequest(url=f"{FORGE}/octo/till/pull/9", number=9, branch="b", title="Mend it", draft=True,
                                       verify=verify, warnings=("touches money",)))
    page = Page(visitor.get(f"/runs/{run_id}").text)
    assert page.by_id("state").words == "draft pull request"
    assert page.by_id("link").attributes["href"] == f"{FORGE}/octo/till/pull/9"
    assert "make test failed (exit code 2)" in page.by_id("verdict").words
    assert page.by_id("tail").words == "boom"
    assert "touches money" in page.by_id("warnings").words
    assert "data-live" not in page.by_id("steps").attributes


@pytest.mark.parametrize("text", HOSTILE)
def test_t71_whatever_somebody_else_wrote_is_text(text: str, visitor: httpx.Client, database: Database) -> None:
    run_id, lease = started(database, event(title=text, login=text, url=f"javascript:{text}"))
    say(database, run_id, *(Step(kind=kind, text=text) for kind in ("message", "tool_call", "tool_result", "error", "log")))
    with database.begin() as tx:
        audit.record(tx, run_id=run_id, credential_id=text[:60], action=text[:60], target=text, verdict=text[:60])
        audit.record(tx, run_id=run_id, credential_id="-", action="egress", target=text, verdict=f"refused: {text}"[:64])
        for report in (Update(text=text), Question(text=text), ProposedPullRequest(title=text, body=text), NothingToReport(text=text)):
            reports.record(tx, run_id, f"{run_id}-work", report)
        inbox.count_delivery(tx, "github", "unknown", text)
    verify = VerifyResult(command=text, passed=True, exit_code=0, duration_ms=1, tail=text)
    ended(database, lease, PullRequest(url=f"javascript:{text}", number=1, branch=text, title=text, verify=verify, warnings=(text,)))
    runs_page, run_page = (Page(visitor.get(path).text) for path in ("/", f"/runs/{run_id}"))
    for page in (runs_page, run_page):
        assert {each.name for each in page.elements} <= OURS
        for each in page.elements:
            assert not [name for name in each.attributes if name.startswith("on") or name == "style"]
            assert not each.attributes.get("href", "").lower().startswith(("javascript:", "data:"))
            assert each.name != "script" or (each.attributes == {"src": "/assets/live.js"} and each.words == "")
    shown = " ".join(text.split())
    assert shown in run_page.named("h1")[0].words
    assert [each.words for each in run_page.named("pre")].count(text) == 6
    assert run_page.by_id("reports").words.count(text) == 5
    assert shown in run_page.by_id("denied").words
    assert shown in runs_page.named("ol")[0].words
    failed, failed_lease = started(database, event(8, title=text))
    ended(database, failed_lease, Failed(reason="idle", text=text))
    assert shown in Page(visitor.get(f"/runs/{failed}").text).by_id("text").words


@pytest.mark.parametrize("address", [
    "javascript:alert(1)", "https://evil.test/octo/till/pull/1", f"{FORGE}.evil.test/x", f"{FORGE}@evil.test/x", "//forge.test/x",
    f" {FORGE}/x", f"{FORGE}/x y", f"{FORGE}/\nx", FORGE.upper() + "/x",
])
def test_t71_only_an_address_at_the_forge_is_a_link(address: str, visitor: httpx.Client, database: Database) -> None:
    run_id, lease = started(database, event(url=address))
    ended(database, lease, PullRequest(url=address, number=1, branch="b", title="t"))
    page = Page(visitor.get(f"/runs/{run_id}").text)
    assert [each.attributes["href"] for each in page.named("a") if "href" in each.attributes] == [
        "/", "/events", f"/api/runs/{run_id}/credentials", f"/runs/{run_id}?before=0",
    ]
    assert " ".join(address.split()) in page.by_id("text").words


def test_t70_control_characters_do_not_reach_the_page(visitor: httpx.Client, database: Database) -> None:
    run_id, _ = started(database, event(title="nice\u202eevil\u2066"))
    say(database, run_id, Step(kind="log", text="\x1b[31mred\x1b[0m\x07 a\rb \u202ec\x00"))
    html = visitor.get(f"/runs/{run_id}").text
    assert not [c for c in html if not c.isprintable() and c != "\n"]
    assert "red a\nb c" in html


def test_a_huge_line_is_cut_and_whole_in_the_api(visitor: httpx.Client, database: Database) -> None:
    run_id, _ = started(database)
    say(database, run_id, Step(kind="log", text="x" * 200_000))
    html = visitor.get(f"/runs/{run_id}").text
    assert len(html) < 30_000
    assert "[192000 more characters]" in html
    assert len(visitor.get(f"/api/runs/{run_id}").json()["steps"][0]["text"]) == 200_000


def test_ten_thousand_steps_come_a_page_at_a_time(visitor: httpx.Client, database: Database) -> None:
    run_id, _ = started(database)
    say(database, run_id, *log_lines(10_000))
    newest = Page(visitor.get(f"/runs/{run_id}").text)
    assert [each.words for each in newest.named("pre")][1:] == [f"line {number}" for number in range(9800, 10_000)]
    assert newest.by_id("steps").attributes["data-after"] == "9999"
    earlier = newest.by_id("earlier").attributes
    assert "hidden" not in earlier
    before = Page(visitor.get(earlier["href"]).text)
    assert [each.words for each in before.named("pre")][1:] == [f"line {number}" for number in range(9600, 9800)]
    assert "data-live" not in before.by_id("steps").attributes
    first = Page(visitor.get(f"/runs/{run_id}?before=100").text)
    assert "hidden" in first.by_id("earlier").attributes


def test_the_api_gives_every_step_in_parts(visitor: httpx.Client, database: Database) -> None:
    run_id, _ = started(database)
    say(database, run_id, *log_lines(2_100))
    seen: list[str] = []
    after = -1
    while after is not None:
        part = visitor.get(f"/api/runs/{run_id}", params={"after": after} if after >= 0 else {}).json()
        seen += [step["text"] for step in part["steps"]]
        after = part["next_after"]
    assert seen == [f"line {number}" for number in range(2_100)]
    assert part["credentials"][0]["credential_id"] == "ghs-0123456789ab"


@pytest.mark.parametrize("run_id", ["nosuchrun222", "x" * 5000, "%00", "'", "%E2%80%AE", "A B"])
def test_a_run_that_is_not_there_is_not_found(run_id: str, visitor: httpx.Client) -> None:
    for path in (f"/runs/{run_id}", f"/runs/{run_id}/live", f"/api/runs/{run_id}"):
        answer = visitor.get(path)
        assert answer.status_code == 404
        assert len(answer.text) < 500


@pytest.mark.parametrize("number", ["-1", "x", "9" * 40, "1e9", "", "%00"])
def test_a_number_that_is_none_is_passed_over(number: str, visitor: httpx.Client, database: Database) -> None:
    run_id, _ = started(database)
    for path in (f"/?offset={number}", f"/runs/{run_id}?before={number}", f"/api/runs/{run_id}?after={number}", f"/api/runs?offset={number}"):
        assert visitor.get(path).status_code == 200


def test_the_list_of_runs_is_turned_page_by_page(visitor: httpx.Client, database: Database) -> None:
    assert "No run yet" in visitor.get("/").text
    for number in range(53):
        started(database, event(number, title=f"issue {number}"))
    first = Page(visitor.get("/").text)
    assert len(first.named("li")) == 50
    second = Page(visitor.get("/?offset=50").text)
    assert len(second.named("li")) == 3
    assert [each.attributes["href"] for each in second.named("a") if each.words == "newer"] == ["/?offset=0"]
    assert not [each for each in second.named("a") if each.words == "older"]


def test_head_is_answered_like_get_without_a_body(visitor: httpx.Client, database: Database) -> None:
    run_id, _ = started(database)
    for path in ("/", f"/runs/{run_id}", f"/api/runs/{run_id}", "/health", "/assets/live.js"):
        answer = visitor.head(path)
        assert (answer.status_code, answer.content) == (200, b"")


def test_a_profile_with_a_long_image_and_no_model_is_shown(visitor: httpx.Client, database: Database) -> None:
    profile = PROFILE.model_copy(update={"workspace": "ro", "permissions": {}})
    run_id, _ = started(database, profile=profile)
    grant = Page(visitor.get(f"/runs/{run_id}").text).by_id("grant").words
    assert "nothing; an answer only" in grant


def test_thousands_of_uses_are_a_line_each_kind_and_all_of_them_in_the_api(visitor: httpx.Client, database: Database) -> None:
    run_id, _ = started(database)
    with database.begin() as tx:
        for number in range(2_100):
            audit.record(tx, run_id=run_id, credential_id="sha256:0", action="model", target="POST /v1/messages",
                         verdict="200" if number else "429")
    page = Page(visitor.get(f"/runs/{run_id}").text)
    assert page.by_id("uses").words == "2101"
    lines = [each.words for each in page.named("tr") if "POST /v1/messages" in each.words]
    assert len(lines) == 2
    assert "429" in lines[0]
    assert "2099 times, last 20" in lines[1]
    seen: list[str] = []
    after: int | None = 0
    while after is not None:
        part = visitor.get(f"/api/runs/{run_id}/credentials", params={"after": after}).json()
        seen += [row["verdict"] for row in part["credentials"]]
        after = part["next_after"]
    assert seen == ["ok", "429", *["200"] * 2_099]


def test_any_number_of_different_targets_stays_one_page(visitor: httpx.Client, database: Database) -> None:
    run_id, _ = started(database)
    with database.begin() as tx:
        for number in range(1_000):
            for verdict in ("200", "refused: not on the list"):
                audit.record(tx, run_id=run_id, credential_id="-", action="egress", target=f"host-{number}.example", verdict=verdict)
    page = Page(visitor.get(f"/runs/{run_id}").text)
    assert len(page.named("tr")) < 500
    assert page.by_id("uses").words == "2001"
    found = visitor.get(f"/api/runs/{run_id}").json()
    assert (len(found["credentials"]), len(found["denied"]), found["audit_rows"]) == (200, 200, 2001)


def test_what_was_denied_and_reported_stands_apart(visitor: httpx.Client, database: Database) -> None:
    run_id, _ = started(database)
    with database.begin() as tx:
        audit.record(tx, run_id=run_id, credential_id="-", action="egress", target="evil.example:443", verdict="refused: not named")
        reports.record(tx, run_id, f"{run_id}-work", ProposedPullRequest(title="Mend it", body="By a cent.\nTwice."))
    page = Page(visitor.get(f"/runs/{run_id}").text)
    assert "evil.example:443" in page.by_id("denied").words
    assert "evil.example" not in page.by_id("credentials").words
    assert "proposed pull request" in page.by_id("reports").words
    assert "By a cent." in page.by_id("reports").words
    [report] = visitor.get(f"/api/runs/{run_id}").json()["reports"]
    assert (report["kind"], report["title"]) == ("proposed_pull_request", "Mend it")


def test_the_credentials_of_a_run_that_is_not_there_are_not_found(visitor: httpx.Client) -> None:
    assert visitor.get("/api/runs/nosuchrun222/credentials").status_code == 404
