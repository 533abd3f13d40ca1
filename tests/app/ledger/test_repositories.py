"""Where the App is installed, on SQLite and on PostgreSQL: by numbers, whatever order the news comes in."""

from __future__ import annotations

from typing import Any

from app.core.roster import Known, Roster
from app.ledger import looks, repositories
from app.ledger.database import Database

HELLO = Known(id=1, full_name="octo/hello", default_branch="main", archived=False)
LOOK = repositories.look_name("github")


def hear(database: Database, **news: Any) -> None:
    with database.begin() as tx:
        repositories.hear(tx, Roster(source="github", kind="installation.created", installation_id=55, **news))


def names(database: Database) -> list[str]:
    with database.read() as tx:
        return [each.full_name for each in repositories.known(tx)]


def test_a_repository_is_known_once_its_default_branch_is(database: Database) -> None:
    hear(database, here=(HELLO.model_copy(update={"default_branch": None}),))
    assert names(database) == []
    hear(database, here=(HELLO,))
    hear(database, here=(HELLO,))
    with database.read() as tx:
        [found] = repositories.known(tx)
        assert repositories.find(tx, "github", 1) == found
        assert repositories.find(tx, "github", 2) is None
    assert (found.id, found.default_branch, found.installation_id) == (1, "main", 55)


def test_a_new_name_keeps_the_number_and_what_else_is_known(database: Database) -> None:
    hear(database, here=(HELLO,))
    hear(database, here=(Known(id=1, full_name="octo/welcome"),))
    assert names(database) == ["octo/welcome"]


def test_what_is_archived_suspended_or_gone_is_not_worked_in(database: Database) -> None:
    hear(database, here=(HELLO, Known(id=2, full_name="octo/old", default_branch="main", archived=True)))
    assert names(database) == ["octo/hello"]
    hear(database, installation="suspended")
    assert names(database) == []
    hear(database, installation="back")
    assert names(database) == ["octo/hello"]
    hear(database, gone=(1,))
    assert names(database) == []
    hear(database, here=(HELLO,))
    hear(database, installation="gone")
    assert names(database) == []


def test_an_installation_takes_nothing_from_another_one(database: Database) -> None:
    # Transferred: the new account's installation is heard of before the old one's end.
    with database.begin() as tx:
        repositories.hear(tx, Roster(source="github", kind="installation.created", installation_id=77, here=(HELLO,)))
    hear(database, gone=(1,))
    hear(database, installation="gone")
    assert names(database) == ["octo/hello"]


def test_a_look_replaces_all_and_one_host_does_it(database: Database) -> None:
    hear(database, here=(HELLO,))
    with database.begin() as tx:
        assert looks.take(tx, LOOK, 900) is not None
        assert looks.take(tx, LOOK, 900) is None
        repositories.replace(tx, "github", [(55, (Known(id=3, full_name="octo/new", default_branch="main", archived=False),))])
    assert names(database) == ["octo/new"]


def test_news_during_a_look_has_it_done_again(database: Database) -> None:
    with database.begin() as tx:
        mark = looks.take(tx, LOOK, 900)
        looks.hasten(tx, LOOK, 0)
    assert mark is not None
    with database.begin() as tx:
        looks.again_in(tx, LOOK, mark, 6 * 3600)
        assert looks.take(tx, LOOK, 900) is not None
