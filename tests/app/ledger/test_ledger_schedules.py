"""How far a line of a schedule has come: noted once, whoever looks at the same time."""

from __future__ import annotations

from app.ledger import schedules
from app.ledger.database import Database
from app.ledger.schedules import Line

LINE = Line("nightly", "octo/hello", "0 3 * * * UTC")


def test_a_line_that_is_new_begins_now_and_a_tick_is_noted_by_one_only(database: Database) -> None:
    with database.begin() as tx:
        assert schedules.ticked_at(tx, LINE, 1000) == 1000
    with database.begin() as tx:
        assert schedules.ticked_at(tx, LINE, 9000) == 1000
        assert schedules.ticked_at(tx, LINE._replace(repository="octo/other"), 9000) == 9000
        assert schedules.tick(tx, LINE, 1000, 2000)
    with database.begin() as tx:
        assert not schedules.tick(tx, LINE, 1000, 3000)
        assert schedules.ticked_at(tx, LINE, 9000) == 2000
