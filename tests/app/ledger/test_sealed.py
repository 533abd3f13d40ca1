"""A secret that every host needs is kept sealed, and changed by one process at a time."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from app.errors import ServiceError
from app.ledger.database import Database
from app.ledger.sealed import Sealed
from app.ledger.tables import sealed


def test_what_is_kept_is_closed_to_whoever_has_only_the_database(database: Database) -> None:
    kept = Sealed(database, "linear", b"key")
    assert kept.read() == ""
    kept.write("lin_oauth_secret")
    assert Sealed(database, "linear", b"key").read() == "lin_oauth_secret"
    assert Sealed(database, "linear", b"another").read() == ""
    with database.read() as tx:
        assert "lin_oauth" not in tx.execute(select(sealed.c.value)).scalar_one()
    kept.write("")
    assert kept.read() == ""


def test_one_process_changes_it_at_a_time(database: Database) -> None:
    kept, other = Sealed(database, "linear", b"key"), Sealed(database, "linear", b"key")

    def making(before: str) -> str:
        with pytest.raises(ServiceError) as busy:
            other.change(lambda _before: "stolen")
        assert (busy.value.retryable, busy.value.reason) == (True, "busy")
        return f"{before}+1"

    assert kept.change(making) == "+1"
    assert other.change(making) == "+1+1"
    assert kept.read() == "+1+1"


def test_what_fails_leaves_it_and_what_died_is_taken_over(database: Database) -> None:
    kept = Sealed(database, "linear", b"key")
    kept.write("one")

    def failing(_before: str) -> str:
        raise ServiceError("Linear does not answer")

    with pytest.raises(ServiceError, match="does not answer"):
        kept.change(failing)
    assert kept.change(lambda before: f"{before}+") == "one+"
    with database.begin() as tx:
        # Whoever held it has died.
        tx.execute(update(sealed).values(held_until_ms=1))
    assert kept.change(lambda before: f"{before}+") == "one++"


def test_what_is_put_in_its_place_meanwhile_counts(database: Database) -> None:
    kept = Sealed(database, "linear", b"key")

    def making(_before: str) -> str:
        Sealed(database, "linear", b"key").write("connected anew")
        return "renewed"

    kept.change(making)
    assert kept.read() == "connected anew"
