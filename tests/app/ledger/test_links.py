"""Who stands behind an account of another surface, and how that comes about."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import update

from app.core.account import Account
from app.ledger import links, signins
from app.ledger.database import Database
from app.ledger.tables import link_tokens

ADA = Account(source="slack", workspace="T1", id="U1", name="Ada")


def token(database: Database, account: Account = ADA, asked_in: str = "") -> str:
    with database.begin() as tx:
        return links.link_token(tx, account, asked_in)


def spent(database: Database, one: str, github_id: int = 101, login: str = "ada") -> links.Link | None:
    with database.begin() as tx:
        return links.spend(tx, one, github_id, login)


def test_a_link_token_says_whose_it_is_and_links_once(database: Database) -> None:
    one = token(database, asked_in="slack:T1/D1/1.1")
    with database.read() as tx:
        assert links.read_link_token(tx, one) == (ADA, "slack:T1/D1/1.1") == links.read_link_token(tx, one)
        assert links.of(tx, ADA) is None
    made = spent(database, one)
    assert made is not None
    assert (made.account, made.github_id, made.login, made.proof, made.asked_in) == (ADA, 101, "ada", "github-sign-in", "slack:T1/D1/1.1")
    assert spent(database, one, 666, "mallory") is None
    with database.read() as tx:
        assert links.read_link_token(tx, one) is None
        assert links.of(tx, ADA) == made == links.everybody(tx)[0]


def test_a_tampered_a_replaced_and_an_old_link_token_link_nothing(database: Database) -> None:
    one = token(database)
    for wrong in ("", one[:-1], one + "x", one.swapcase(), "\u00e9"):
        assert spent(database, wrong) is None
    other = token(database, Account(source="slack", workspace="T1", id="U2"))
    newer = token(database)
    assert spent(database, one) is None
    assert spent(database, other) is not None
    with database.begin() as tx:
        tx.execute(update(link_tokens).values(expires_at_ms=1))
    assert spent(database, newer) is None


def test_two_that_spend_one_token_at_once_make_one_link(database: Database) -> None:
    one = token(database)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: spent(database, one, number, f"p{number}"), range(4)))
    assert len([each for each in made if each]) == 1


def test_t17_a_name_links_nobody_and_an_id_of_another_workspace_is_somebody_else(database: Database) -> None:
    assert spent(database, token(database)) is not None
    with database.read() as tx:
        assert links.of(tx, Account(source="slack", workspace="T1", id="U1", name="renamed")) is not None
        for other in (
            Account(source="slack", workspace="T1", id="U9", name="Ada"), Account(source="slack", workspace="T9", id="U1", name="Ada"),
            Account(source="linear", workspace="T1", id="U1", name="Ada"),
        ):
            assert links.of(tx, other) is None


def test_an_account_has_one_github_account_which_may_have_several(database: Database) -> None:
    linear = Account(source="linear", workspace="org", id="u-1", name="Ada L")
    assert spent(database, token(database))
    assert spent(database, token(database, linear))
    with database.read() as tx:
        assert [each.account for each in links.of_github(tx, 101)] == [linear, ADA]
    assert spent(database, token(database), 102, "bob")
    with database.begin() as tx:
        assert [each.account for each in links.of_github(tx, 101)] == [linear]
        assert links.unlink(tx, ADA)
        assert not links.unlink(tx, ADA)
        assert links.of(tx, ADA) is None
        assert links.link(tx, ADA, 101, "ada", "operator").proof == "operator"


def test_who_unlinks_leaves_no_token_behind(database: Database) -> None:
    one = token(database)
    with database.begin() as tx:
        links.unlink(tx, ADA)
    assert spent(database, one) is None


def test_a_surface_is_told_of_each_link_and_of_the_one_that_replaces_it(database: Database) -> None:
    assert spent(database, token(database))
    with database.begin() as tx:
        [first] = links.untold(tx, "slack")
        assert links.untold(tx, "linear") == []
        second = links.link(tx, ADA, 102, "bob", "operator")
        links.told(tx, first)
        assert links.untold(tx, "slack") == [second]
        links.told(tx, second)
        assert links.untold(tx, "slack") == []


def test_a_session_is_known_by_its_key_until_it_ends(database: Database) -> None:
    with database.begin() as tx:
        one = signins.open_session(tx, 101, "ada", [7, 5_000_000_001])
        found = signins.who(tx, one)
        assert found is not None
        assert (found.github_id, found.login, found.repositories) == (101, "ada", frozenset({7, 5_000_000_001}))
        other = signins.open_session(tx, 101, "ada", [], earlier=one)
        assert signins.who(tx, one) is None
        signins.close_session(tx, other)
        assert signins.who(tx, other) is signins.who(tx, "") is None


def test_an_answer_counts_once(database: Database) -> None:
    with database.begin() as tx:
        assert signins.answered(tx, "a")
        assert signins.answered(tx, "b")
        assert not signins.answered(tx, "a")
