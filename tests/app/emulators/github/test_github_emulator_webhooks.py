"""Deliveries: GitHub's shapes, headers and signature; posted once, written down, repeated only on demand."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import uuid
from pathlib import Path

import pytest

from app.emulators.github import GitHubEmulator, SeedInstallation, deliveries
from app.emulators.github.actions import JobEnd
from tests.app.emulators.github.github_kit import (
    INSTALLATION,
    REPO,
    Receiver,
    Rest,
    SettableClock,
    app_rest,
    description,
    minted,
    problems,
    until,
    webhook_validator,
)

HELLO = "octo/hello"


def everything(github: GitHubEmulator) -> None:
    """Do all that rings."""
    alice, rest = github.person("alice"), Rest(github, minted(github))
    alice.open_issue(HELLO, "Issue", "words", ("bellhop",))
    alice.unlabel(HELLO, 1, "bellhop")
    alice.edit_issue(HELLO, 1, title="New title", body="new")
    first = alice.comment(HELLO, 1, "first")
    alice.edit_comment(HELLO, first.id, "edited")
    alice.close(HELLO, 1)
    alice.reopen(HELLO, 1)
    rest.call("PATCH", f"{REPO}/issues/1", 200, body={"assignees": ["bob"]})
    rest.call("PATCH", f"{REPO}/issues/1", 200, body={"assignees": []})
    own = rest.call("POST", f"{REPO}/issues/1/comments", 201, body={"body": "the app's"}).json()
    rest.call("DELETE", f"{REPO}/issues/comments/{own['id']}", 204)
    alice.push(HELLO, "feat", {"a.txt": "x", "README.md": "changed\n", ".github/workflows/ci.yml": "name: CI\non: push\n"})
    alice.finish_ci(HELLO, tests=JobEnd("failure", "E  assert False"))
    alice.set_status(HELLO, github.branches(HELLO)["feat"], "failure", "ci/other", "1 test failed")
    body = {"title": "Pull", "head": "feat", "base": "main"}
    rest.call("POST", f"{REPO}/pulls", 201, body=body)
    alice.label(HELLO, 2, "bellhop")
    alice.unlabel(HELLO, 2, "bellhop")
    alice.comment(HELLO, 2, "on a pull request")
    alice.assign(HELLO, 2, "bob")
    alice.request_review(HELLO, 2, "bob")
    made = alice.review(HELLO, 2, "changes_requested", "see below", ("a.txt", 1, "on a line"))
    comments = "/repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}/comments"
    said = rest.call("GET", f"{REPO}/pulls/2/reviews/{made.id}/comments", 200, like=comments).json()
    assert [(one["path"], one["line"], one["body"]) for one in said] == [("a.txt", 1, "on a line")]
    rest.call("GET", f"{REPO}/pulls/2/reviews/{said[0]['id']}/comments", 404)
    actions = [{"label": "Fix", "description": "Fix it", "identifier": "fix"}]
    check = {"name": "c", "head_sha": github.branches(HELLO)["feat"], "status": "in_progress", "actions": actions}
    check_id = rest.call("POST", f"{REPO}/check-runs", 201, body=check).json()["id"]
    with pytest.raises(LookupError):
        alice.press(HELLO, check_id, "fix")
    rest.call("PATCH", f"{REPO}/check-runs/{check_id}", 200, body={"conclusion": "neutral"})
    alice.press(HELLO, check_id, "fix")
    alice.push(HELLO, "feat", {"a.txt": None})
    rest.call("PATCH", f"{REPO}/pulls/2", 200, body={"title": "Other"})
    alice.close(HELLO, 2)
    alice.reopen(HELLO, 2)
    alice.merge(HELLO, 2)
    alice.delete_branch(HELLO, "feat")
    github.cover(INSTALLATION, "octo/secret")
    github.cover(INSTALLATION, "octo/secret", covered=False)
    github.rename_repository(HELLO, "welcome")
    github.archive("octo/welcome")
    github.archive("octo/welcome", archived=False)
    github.suspend(INSTALLATION)
    github.suspend(INSTALLATION, suspended=False)
    github.uninstall(INSTALLATION)
    github.install(SeedInstallation(account="octo", id=INSTALLATION))


def test_every_payload_is_what_github_publishes(github: GitHubEmulator, receiver: Receiver) -> None:
    everything(github)
    github.wait_for_deliveries()
    seen = set()
    for got in receiver.got:
        payload, event = json.loads(got.body), got.headers["x-github-event"]
        name = "-".join(filter(None, (event, payload.get("action")))).replace("_", "-")
        seen.add(name)
        assert problems(webhook_validator(name), payload) == [], name
        assert payload["installation"]["id"] == INSTALLATION
    # Every payload in the cut schemas is one that the emulator sends.
    assert seen == set(description("webhooks")["webhooks"])


def test_a_wrong_payload_does_not_pass_the_check(github: GitHubEmulator, receiver: Receiver) -> None:
    github.person("alice").open_issue(HELLO, "t")
    github.wait_for_deliveries()
    payload = json.loads(receiver.got[0].body)
    validator = webhook_validator("issues-opened")
    assert problems(validator, payload) == []
    assert problems(validator, payload | {"action": "closed"})
    assert problems(validator, {key: value for key, value in payload.items() if key != "sender"})
    del payload["issue"]["reactions"]
    assert problems(validator, payload)


def test_headers_and_signature(github: GitHubEmulator, receiver: Receiver) -> None:
    github.person("alice").open_issue(HELLO, "tëst", "bödy")
    (delivery,) = github.wait_for_deliveries()
    (got,) = receiver.got
    for name in description("webhooks")["required_headers"]:
        assert got.headers.get(name.lower()), name
    assert uuid.UUID(got.headers["x-github-delivery"]).version == 4
    assert got.headers["x-github-delivery"] == delivery.guid
    assert got.headers["x-github-hook-installation-target-id"] == str(github.app.id)
    assert got.headers["x-github-hook-installation-target-type"] == "integration"
    assert got.headers["user-agent"].startswith("GitHub-Hookshot/")
    expected = hmac.new(github.app.webhook_secret.encode(), got.body, hashlib.sha256).hexdigest()
    assert got.headers["x-hub-signature-256"] == f"sha256={expected}"


def test_githubs_published_signature() -> None:
    """docs.github.com, "Validating webhook deliveries": the test values."""
    signature = deliveries.sign("It's a Secret to Everybody", b"Hello, World!")
    assert signature == "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_what_fails_is_written_down_and_not_sent_again(github: GitHubEmulator, receiver: Receiver) -> None:
    receiver.status = 503
    github.person("alice").open_issue(HELLO, "t")
    (delivery,) = github.wait_for_deliveries()
    assert (delivery.status_code, delivery.status) == (503, "Service Unavailable")
    assert delivery.duration_seconds > 0
    github.person("alice").comment(HELLO, 1, "next")
    assert [one.event for one in github.wait_for_deliveries()] == ["issues", "issue_comment"]
    assert len(receiver.got) == 2


def test_a_redelivery_keeps_guid_and_body(github: GitHubEmulator, receiver: Receiver) -> None:
    receiver.status = 500
    github.person("alice").open_issue(HELLO, "t")
    (first,) = github.wait_for_deliveries()
    receiver.status = 202
    github.redeliver(first.guid)
    listed = github.wait_for_deliveries()
    assert [(one.guid, one.status_code, one.redelivery) for one in listed] == [
        (first.guid, 500, False), (first.guid, 202, True),
    ]
    assert receiver.got[0].body == receiver.got[1].body
    assert receiver.got[0].headers == receiver.got[1].headers
    with pytest.raises(KeyError):
        github.redeliver(str(uuid.uuid4()))


def test_the_deliveries_api_finds_and_repeats_what_failed(github: GitHubEmulator, receiver: Receiver) -> None:
    receiver.status = 500
    github.person("alice").open_issue(HELLO, "t")
    github.wait_for_deliveries()
    receiver.status = 204
    rest = app_rest(github)
    (failed,) = [one for one in rest.call("GET", "/app/hook/deliveries", 200).json() if one["status"] != "OK"]
    sent = rest.call("GET", f"/app/hook/deliveries/{failed['id']}", 200).json()
    assert sent["request"]["payload"]["action"] == "opened"
    rest.call("POST", f"/app/hook/deliveries/{failed['id']}/attempts", 202)
    assert [one.status_code for one in github.wait_for_deliveries()] == [500, 204]
    Rest(github, minted(github)).call("GET", "/app/hook/deliveries", 401)


def test_nobody_listening(github: GitHubEmulator) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        github.set_webhook_url(f"http://127.0.0.1:{free.getsockname()[1]}/hooks/github")
        github.person("alice").open_issue(HELLO, "t")
        (delivery,) = github.wait_for_deliveries()
    assert (delivery.status_code, delivery.status) == (0, "failed to connect: ConnectError")


def test_no_webhook_url_is_written_down_as_undelivered(github: GitHubEmulator) -> None:
    github.person("alice").open_issue(HELLO, "t")
    (delivery,) = github.wait_for_deliveries()
    assert (delivery.status_code, delivery.status, delivery.url) == (0, "no webhook URL", None)


def test_a_receiver_that_never_answers_times_out(
    github: GitHubEmulator, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """R10: GitHub gives up after ten seconds; here the waiting is shortened, the rule is not."""
    assert deliveries.DELIVERY_TIMEOUT_SECONDS == 10.0
    receiver.hold.clear()
    impatient = deliveries.Deliveries(timeout_seconds=0.2)
    target = deliveries.Target(1, 2, receiver.url, "secret")
    at = github.world.now()
    delivery = impatient.send(target, "push", None, b"{}", installation_id=1, repository_id=1, at=at)
    impatient.wait()
    assert (delivery.status_code, delivery.status) == (0, "timed out")
    receiver.hold.set()
    impatient.close()


def test_the_api_answers_while_a_receiver_holds_a_delivery(github: GitHubEmulator, receiver: Receiver) -> None:
    """A receiver may call back before it answers: no lock is held while a delivery is under way."""
    receiver.hold.clear()
    github.person("alice").open_issue(HELLO, "t")
    until(lambda: len(receiver.got) == 1)
    Rest(github, minted(github)).call("POST", f"{REPO}/issues/1/comments", 201, body={"body": "on it"})
    assert github.deliveries[0].status == "pending"
    receiver.hold.set()
    assert [one.status_code for one in github.wait_for_deliveries()] == [204, 204]


def test_only_what_the_app_may_hear(github: GitHubEmulator, clock: SettableClock) -> None:
    alice = github.person("alice")
    alice.open_issue("octo/secret", "not installed there")
    assert github.deliveries == []
    github.set_installation_permissions(INSTALLATION, {"contents": "read"})
    alice.open_issue(HELLO, "no issues permission")
    assert github.deliveries == []
    alice.push(HELLO, "main", {"x": "y"})
    assert [one.event for one in github.deliveries] == ["push"]
    github.world.state.installations[INSTALLATION].events.remove("push")
    alice.push(HELLO, "main", {"x": "z"})
    assert len(github.deliveries) == 1
