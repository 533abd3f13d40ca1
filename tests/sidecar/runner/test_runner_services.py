"""Services as the runner sees them: waited for before anything of the assignment is done."""

from __future__ import annotations

import json
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from sidecar.runner.services import ask
from tests.sidecar.runner.scene import Scene

UP = {"state": "healthy", "text": "", "lines": []}
COMING = {"state": "starting", "text": "", "lines": []}


class Said:
    """What stands behind a service's socket: `says` is what each who asks is told."""

    def __init__(self, address: str, says: Any) -> None:
        self.says = says
        self.asked = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(address)
        self._listener.listen(16)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    connection.sendall(self.says if isinstance(self.says, bytes) else json.dumps(self.says).encode())
                self.asked.set()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class Beside:
    """The services beside one runner, their names its own."""

    def __init__(self, scene: Scene) -> None:
        # Abstract names are those of the whole network namespace, which other tests share.
        self.prefix = f"\0bellhop-test/{secrets.token_hex(6)}/"
        scene.places["services"] = self.prefix
        self.open: list[Said] = []

    def add(self, name: str, says: Any) -> Said:
        self.open.append(Said(self.prefix + name, says))
        return self.open[-1]


@pytest.fixture
def beside(scene: Scene) -> Iterator[Beside]:
    made = Beside(scene)
    yield made
    for each in made.open:
        each.close()


def assign(scene: Scene, *names: str, **more: Any) -> None:
    scene.shell("echo ran", **({"services": list(names), "services_timeout_seconds": 30.0} | more))


def test_nothing_runs_before_every_service_is_up(scene: Scene, beside: Beside) -> None:
    assign(scene, "db", "cache", files={"given": "x"})
    db, cache = beside.add("db", COMING), beside.add("cache", UP)
    process = scene.begin()
    assert db.asked.wait(20)
    assert cache.asked.wait(20)
    db.asked.clear()
    assert db.asked.wait(20), "it is asked again"
    assert scene.door.texts("stdout") == []
    assert not (scene.home / "given").exists(), "HOME is as it was"
    db.says = UP
    end = scene.ended(process)
    assert (end["reason"], end["exit_code"]) == ("exited", 0)
    assert scene.door.texts("stdout") == ["ran"]
    assert any(line.startswith("services are up") for line in scene.door.texts("runner"))


def test_one_that_comes_later_is_waited_for(scene: Scene, beside: Beside) -> None:
    assign(scene, "db", "late")
    first = beside.add("db", UP)
    process = scene.begin()
    assert first.asked.wait(20)
    beside.add("late", UP)
    assert scene.ended(process)["reason"] == "exited"


def test_one_that_failed_ends_it_with_its_name_and_its_last_words(scene: Scene, beside: Beside) -> None:
    assign(scene, "db", base_commit=scene.base)
    beside.add("db", {"state": "failed", "text": "ended with exit code 1", "lines": ["starting", "", "no password is given"]})
    end = scene.run()
    assert (end["reason"], end["exit_code"], end["has_bundle"]) == ("service", None, False)
    assert end["text"] == "the service `db` ended with exit code 1. It said last: starting | no password is given"
    assert "db: no password is given" in scene.door.texts("runner")
    assert scene.door.texts("stdout") == []


def test_one_whose_container_is_gone_ends_it(scene: Scene, beside: Beside) -> None:
    assign(scene, "db", "cache")
    beside.add("cache", COMING)
    db = beside.add("db", UP)
    process = scene.begin()
    assert db.asked.wait(20)
    db.close()
    end = scene.ended(process)
    assert (end["reason"], end["text"]) == ("service", "the service `db` is gone: its container ended")


def test_one_that_is_never_started_ends_it(scene: Scene, beside: Beside) -> None:
    scene.places["services_appear_seconds"] = 0.3
    assign(scene, "db")
    end = scene.run()
    assert end["reason"] == "service"
    assert "was not started within" in end["text"]


def test_one_that_never_comes_up_ends_it(scene: Scene, beside: Beside) -> None:
    assign(scene, "db", services_timeout_seconds=0.3)
    beside.add("db", COMING)
    end = scene.run()
    assert end["reason"] == "service"
    assert "was not up after" in end["text"]


@pytest.mark.parametrize("says", [b"", b"{", b"[]", b'{"state": 7}', b'{"state": "starting", "lines": 3}', b"[" * 60_000], ids=["nothing", "half", "list", "number", "lines", "deep"])
def test_an_answer_that_is_none_is_no_word_that_it_is_up(scene: Scene, beside: Beside, says: bytes) -> None:
    assign(scene, "db", services_timeout_seconds=0.3)
    beside.add("db", says)
    assert scene.run()["reason"] == "service"
    assert scene.door.texts("stdout") == []


def test_words_that_are_no_text_are_told_as_far_as_they_are(scene: Scene, beside: Beside) -> None:
    assign(scene, "db")
    beside.add("db", b'{"state": "failed", "text": "broke\\ud800", "lines": ["half\\udfff"]}')
    end = scene.run()
    assert (end["reason"], end["text"]) == ("service", "the service `db` broke?. It said last: half?")


def test_an_answer_that_never_ends_is_waited_for_no_longer_than_any(scene: Scene, beside: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then keeps a connection alive for hours; a stop has to be heard meanwhile."""
    monkeypatch.setattr("sidecar.runner.services.ASK_SECONDS", 0.3)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(beside.prefix + "drips")
        listener.listen(1)
        is_over = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                while not is_over.wait(0.05):
                    connection.sendall(b" ")

        dripping = threading.Thread(target=drip)
        dripping.start()
        assert ask(beside.prefix + "drips") == {}
        assert dripping.is_alive(), "it would have gone on"
        is_over.set()
        dripping.join()


def test_a_cancel_while_it_waits_ends_it_at_once(scene: Scene, beside: Beside) -> None:
    assign(scene, "db")
    db = beside.add("db", COMING)
    process = scene.begin()
    assert db.asked.wait(20)
    scene.door.ask_to_cancel()
    end = scene.ended(process)
    assert (end["reason"], end["exit_code"]) == ("cancelled", None)
    assert scene.door.texts("stdout") == []


def test_r38_what_people_say_meanwhile_reaches_the_agent(scene: Scene, beside: Beside) -> None:
    assign(scene, "db", argv=["sh", "-c", "read -r said; echo \"$said\""], wants_messages=True)
    db = beside.add("db", COMING)
    scene.door.say("ann", "and mind the cents")
    process = scene.begin()
    scene.door.wait(lambda: scene.door.seen == 1)
    assert scene.door.confirmed == 0
    db.says = UP
    scene.ended(process)
    assert "and mind the cents" in scene.door.texts("stdout")[0]
    assert scene.door.confirmed == 1


