"""Services of a run: where they are run at all, which sandboxes have them, and what becomes of a run without them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.core.isolation import Isolation
from app.core.outcome import Failed, PullRequest, Refused
from app.execute.sandboxes.fake import FakeSandboxes
from app.ledger import sandboxes
from app.ports import Handle, SandboxSpec
from tasks.route import route
from tasks.start import start
from tests.tasks.scene import Scene, profile
from tests.tasks.test_conversations import first, followed, home, kept

SERVICES = {"db": {"image": "postgres:16", "env": {"POSTGRES_PASSWORD": "x"}, "ports": [5432]}}
FIX = {"README.md": "hello, world\n"}


class WithServices(FakeSandboxes):
    """A backend that runs services; `specs` is what it was asked for."""

    has_services = True

    def __init__(self, isolation: Isolation = "container") -> None:
        super().__init__("never_ends")
        self.isolation = isolation
        self.name = f"fake-{isolation}"
        self.specs: list[SandboxSpec] = []

    def create(self, spec: SandboxSpec) -> Handle:
        self.specs.append(spec)
        return super().create(spec)


class Older(FakeSandboxes):
    """A backend of another package, from before there were services."""

    name = "older"

    def __getattribute__(self, name: str) -> Any:
        if name == "has_services":
            raise AttributeError(name)
        return super().__getattribute__(name)


@pytest.fixture
def able(scene: Scene) -> Scene:
    """A profile with services, and a backend for them."""
    scene.backend = WithServices()
    scene.parts = replace(scene.parts, backends=(scene.backend,))
    scene.profiles["fix"] = profile(services=SERVICES, container={"image": "team:1"}, env={"NO_PROXY": "mine"})
    return scene


def test_a_host_that_runs_no_services_refuses_in_words(scene: Scene) -> None:
    scene.profiles["fix"] = profile(services=SERVICES)
    run_id = scene.routed()
    start(scene.parts, run_id)
    outcome = scene.outcome(run_id)
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.who) == ("no_services", "operator")
    assert "services run beside a sandbox of Docker with runc only, and this one would be of `fake`" in outcome.text
    assert scene.backend.created == []


def test_t44_the_weakest_backend_that_runs_services_is_taken_and_none_below_the_level(able: Scene) -> None:
    weak, strong = FakeSandboxes("never_ends"), WithServices("gvisor")
    able.parts = replace(able.parts, backends=(weak, Older("never_ends"), able.backend, strong))
    able.profiles["fix"] = profile(services=SERVICES, container={"image": "team:1", "isolation": "process"})
    able.started()
    assert (weak.created, strong.created, len(able.backend.created)) == ([], [], 1)
    able.parts = replace(able.parts, backends=(weak, able.backend))
    able.profiles["fix"] = profile(services=SERVICES, container={"image": "team:1", "isolation": "gvisor"})
    inbox_id = able.ring(number=2)
    route(able.parts, inbox_id)
    run_id = able.entry(inbox_id).run_id
    assert run_id is not None
    start(able.parts, run_id)
    outcome = able.outcome(run_id)
    assert isinstance(outcome, Failed)
    assert "requires isolation `gvisor`" in outcome.text


def test_the_agent_and_its_verification_have_the_same_services(able: Scene) -> None:
    able.profiles["fix"] = profile(services=SERVICES, container={"image": "team:1"}, verify="true", env={"NO_PROXY": "mine"})
    run_id = able.started()
    able.work(run_id, FIX)
    able.pump()
    able.end(run_id, "verify", exit_code=0)
    able.pump()
    outcome = able.outcome(run_id)
    assert isinstance(outcome, PullRequest)
    assert not outcome.draft
    assert isinstance(able.backend, WithServices)
    assert [(spec.id.rpartition("-")[2], list(spec.services), spec.ttl_seconds) for spec in able.backend.specs] == [
        ("work", ["db"], 1800 + 600 + 180), ("verify", ["db"], 1800 + 600 + 180),
    ]
    with able.database.read() as tx:
        rows = sandboxes.of_run(tx, run_id)
    for row in rows:
        assert (row.assignment.services, row.assignment.services_timeout_seconds) == (("db",), 600)
        assert row.assignment.env["NO_PROXY"] == "mine"


def test_what_goes_to_a_service_passes_no_proxy(able: Scene) -> None:
    able.profiles["fix"] = profile(services=SERVICES, container={"image": "team:1"})
    run_id = able.started()
    with able.database.read() as tx:
        [row] = sandboxes.of_run(tx, run_id)
    assert {row.assignment.env[name] for name in ("no_proxy", "NO_PROXY")} == {"127.0.0.1,localhost,db"}


def test_a_service_that_did_not_come_up_is_the_outcome_and_the_operators(able: Scene) -> None:
    run_id = able.started()
    able.end(run_id, reason="service", exit_code=None, text="the service `db` ended with exit code 1. It said last: no password")
    able.pump()
    outcome = able.outcome(run_id)
    assert outcome == Failed(
        reason="service", text="The agent did not begin: the service `db` ended with exit code 1. It said last: no password", who="operator",
    )
    assert able.left() == []


def test_a_result_whose_verification_had_no_services_is_a_draft_that_says_why(able: Scene) -> None:
    able.profiles["fix"] = profile(services=SERVICES, container={"image": "team:1"}, verify="true")
    run_id = able.started()
    able.work(run_id, FIX)
    able.pump()
    able.end(run_id, "verify", reason="service", exit_code=None, text="the service `db` was not up after 600 s")
    able.pump()
    outcome = able.outcome(run_id)
    assert isinstance(outcome, PullRequest)
    assert outcome.draft
    assert outcome.verify is not None
    assert outcome.verify.tail == "[service] the service `db` was not up after 600 s"


@pytest.fixture
def talks(able: Scene) -> Scene:
    """The same with an agent whose session goes on."""
    able.profiles["fix"] = profile(
        agent={"uses": "command", "with": {"run": "begin", "next": "go on"}}, services=SERVICES, container={"image": "team:1"},
    )
    return able


@pytest.mark.parametrize("reason", ["service", "cancelled"])
def test_t62_a_session_waits_for_an_agent_that_never_began(talks: Scene, reason: str) -> None:
    before = first(talks)
    run_id = followed(talks)
    if reason == "cancelled":
        talks.comment("@bellhop stop")
    talks.end(run_id, reason=reason, exit_code=None, text="db")
    talks.pump()
    assert isinstance(talks.outcome(run_id), Failed | Refused)
    assert kept(talks) == [before]
    assert (home(talks, followed(talks, "@bellhop again")) / "session").read_text() == "what was said\n"


def test_t62_where_no_agent_began_there_is_no_session_to_go_on_with(talks: Scene) -> None:
    run_id = talks.started()
    talks.end(run_id, reason="service", exit_code=None, text="db")
    talks.pump()
    assert kept(talks) == []
