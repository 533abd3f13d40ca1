"""R26: writes of one installation come one after the other and far enough apart, from however many threads and hosts."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from app.core.event import Actor, Event
from app.core.grant import Grant
from app.emulators.github import GitHubEmulator, Seed, SeedApp, SeedInstallation, SeedIssue, SeedRepository, serve
from app.errors import Paced, ServiceError
from app.execute.grants.github_app import GitHubApp
from app.ledger import pace, schema
from app.ledger.database import Database
from tasks.pacing import SharedPace, piece_of_work
from tests.github_at_work import APP_ID, REPO
from triggers.github.reply import GitHubService

SPACING_SECONDS = 0.15
WRITERS, COMMENTS = 4, 3
WHO = "github 55"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    ledger = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
    schema.upgrade(ledger)
    yield ledger
    ledger.close()


@pytest.fixture
def strict(tmp_path: Path, app_key: RSAPrivateKey) -> Iterator[GitHubEmulator]:
    """A GitHub that refuses writes which come too close together."""
    public = app_key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    seed = Seed(
        app=SeedApp(id=int(APP_ID), public_key=public), write_spacing_seconds=SPACING_SECONDS,
        repositories=(SeedRepository(
            full_name=REPO.full_name, id=REPO.id, files={"README.md": "hello\n"}, collaborators={"alice": "write"},
            issues=tuple(SeedIssue(title="It breaks", user="alice") for _ in range(WRITERS)),
        ),),
        installations=(SeedInstallation(account="octo", id=55),),
    )
    with GitHubEmulator(tmp_path / "github", seed) as emulator, serve(emulator):
        yield emulator


def event(number: int) -> Event:
    return Event(
        source="github", kind="issues.labeled", delivery_key=f"d{number}", thread=f"github:{REPO.full_name}#{number}", repo=REPO, url="",
        actor=Actor(id="101", login="alice", kind="person"), title="It breaks", number=number,
    )


def test_r26_hosts_and_threads_together_keep_writes_apart(strict: GitHubEmulator, app_key: RSAPrivateKey, database: Database) -> None:
    trouble = list[str]()

    def write(number: int) -> None:
        own = Database(database.url)
        ours = SharedPace(own, SPACING_SECONDS)
        app = GitHubApp(app_id=APP_ID, private_key=app_key, api_url=strict.api_url, pace=ours)
        service = GitHubService(api_url=strict.api_url, web_url=strict.web_url, bot_login="bellhop[bot]", pace=ours)
        credential = app.mint(Grant(purpose="reply", repo=REPO, permissions={"issues": "write"}))
        for count in range(COMMENTS):
            while True:
                try:
                    service.upsert_comment(credential, event(number), f"<!-- {number} -->", f"{count} <!-- {number} -->")
                    break
                except Paced:
                    continue
                except ServiceError as error:
                    trouble.append(str(error))
                    break
        app.revoke(credential)
        for each in (app, service, own):
            each.close()

    threads = [threading.Thread(target=write, args=(number + 1,)) for number in range(WRITERS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert trouble == []
    assert [strict.comments(REPO.full_name, number + 1)[0].body[0] for number in range(WRITERS)] == [str(COMMENTS - 1)] * WRITERS
    assert strict.live_tokens() == []


def test_r26_who_would_have_to_wait_for_long_is_told_so_at_once(database: Database) -> None:
    ours = SharedPace(database, 60.0)
    with ours.turn(WHO, "write"):
        pass
    begun = time.monotonic()
    with pytest.raises(Paced) as caught, ours.turn(WHO, "write"):
        pass
    assert time.monotonic() - begun < 30
    assert 50 < (caught.value.retry_after_seconds or 0) <= 61
    assert caught.value.retryable
    with ours.turn(WHO, "read"):
        pass


def test_r26_what_one_answer_says_holds_for_everybody(database: Database) -> None:
    with SharedPace(database, 0).turn(WHO, "read") as turn:
        turn.heard(429, {"retry-after": "77"}, "")
    assert 70 < SharedPace(database, 0).wait_seconds(WHO, "begin") <= 77
    assert SharedPace(database, 0).wait_seconds("github 56", "begin") == 0
    with pytest.raises(Paced), SharedPace(database, 0).turn(WHO, "begin"):
        pass


def test_r26_while_few_requests_are_left_the_second_piece_of_work_waits(database: Database) -> None:
    ours, reset = SharedPace(database, 0), str(int(time.time()) + 1000)
    with ours.turn(WHO, "read") as turn:
        turn.heard(200, {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "100", "x-ratelimit-reset": reset}, "")
    with ours.turn(WHO, "begin"), ours.turn(WHO, "read"), ours.turn(WHO, "write"):
        pass
    with pytest.raises(Paced), ours.turn(WHO, "begin"):
        pass
    with database.begin() as tx:
        assert pace.standing(tx, WHO).gap_ms > 50_000


def test_r26_a_piece_of_work_that_has_begun_gets_all_of_its_tokens(database: Database) -> None:
    ours = SharedPace(database, 0)
    with database.begin() as tx:
        pace.slow_down(tx, WHO, 40, 2000)
    with piece_of_work():
        for _ in range(3):
            with ours.turn(WHO, "begin"):
                pass
        with database.begin() as tx:
            pace.slow_down(tx, "github 56", 40, 2000)
            assert pace.take_begin(tx, "github 56")
        with pytest.raises(Paced), ours.turn("github 56", "begin"):
            pass
    with pytest.raises(Paced), piece_of_work(), ours.turn(WHO, "begin"):
        pass


def test_r26_what_is_said_to_somebody_unknown_is_about_another_limit(database: Database) -> None:
    ours, reset = SharedPace(database, 0), str(int(time.time()) + 1000)
    with ours.turn(WHO, "read") as turn:
        turn.heard(401, {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}, "Bad credentials")
    assert ours.wait_seconds(WHO, "read") == 0


def test_an_answer_is_not_lost_where_the_ledger_cannot_note_what_it_says(database: Database) -> None:
    ours, got = SharedPace(database, 0), list[str]()
    with ours.turn(WHO, "write") as turn:
        with database.begin() as tx:
            tx.execute(sqlalchemy.text("ALTER TABLE pace RENAME TO elsewhere"))
        turn.heard(429, {"retry-after": "77"}, "")
        got.append("the answer")
    assert got == ["the answer"]
