"""What rang and started nothing is shown with its reason."""

from __future__ import annotations

import httpx

from app.core.event import Actor
from app.ledger import inbox
from app.ledger.database import Database
from tests.app.observe.scene_runs import event


def settled(database: Database, number: int, state: str, decision: str, login: str = "ada") -> None:
    actor = Actor(id="11", login=login, kind="person")
    with database.begin() as tx:
        stored = inbox.store(tx, event(number).model_copy(update={"actor": actor}))
        assert inbox.settle(tx, stored.id, state=state, decision=decision)


def test_the_newest_come_first_and_those_of_programs_not_at_all(database: Database) -> None:
    settled(database, 1, "ignored", "ignore: not_permitted (bob has read, needed is write)", "bob")
    settled(database, 2, "routed", "start: by hand")
    settled(database, 3, "ignored", "ignore: bot (bellhop[bot] is a program, and programs do not ring)", "bellhop[bot]")
    settled(database, 4, "failed", "failed: service_down: GitHub does not answer")
    with database.read() as tx:
        assert [entry.event.number for entry in inbox.recent_ignored(tx, 10)] == [4, 1]
        assert [entry.event.number for entry in inbox.recent_ignored(tx, 1)] == [4]


def test_the_page_lists_the_last_ten_with_who_where_and_why(visitor: httpx.Client, database: Database) -> None:
    assert "The last events that started nothing" not in visitor.get("/").text
    for number in range(1, 12):
        settled(database, number, "ignored", f"ignore: not_permitted (<b>bob</b> has read; number {number} of them)", "bob")
    page = visitor.get("/").text
    assert "The last events that started nothing" in page
    assert "github:octo/till#11" in page
    assert "ignore: not_permitted (&lt;b&gt;bob&lt;/b&gt; has read; number 2 of them)" in page
    assert "number 1 of them" not in page
