"""What the ledger makes of a run's exchanges with models, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from app.core.line.budget import Spent
from app.ledger import exchanges
from app.ledger.database import Database
from tests.app.ledger.test_ledger_conformance import sandbox


def test_what_a_run_has_spent_is_summed_from_its_turns(database: Database) -> None:
    run_id, sandbox_id = sandbox(database)
    turn = exchanges.Exchange(
        run_id, sandbox_id, "anthropic", "/v1/messages", b"{}", 200, "application/json", b"a" * 5000, 100, 20, 1, 5, 30, 40,
        "anthropic/m", 3_000_000_000_000,
    )
    with database.begin() as tx:
        assert exchanges.last_answer(tx, sandbox_id) is None
        for each in (
            turn, turn._replace(cost_micro_usd=None), turn._replace(status=0),
            turn._replace(status=429, input_tokens=None, output_tokens=None, cost_micro_usd=None),
            turn._replace(model=None, path="/v1/messages/count_tokens", input_tokens=None, output_tokens=None, cost_micro_usd=None),
        ):
            exchanges.record(tx, each)
        assert exchanges.spent(tx, run_id) == Spent(3, 360, 6_000_000_000_000)
        used = exchanges.usage(tx, run_id)
        assert (used.turns, used.unpriced, used.cache_read_tokens, used.cache_write_tokens) == (3, 1, 150, 200)
        assert exchanges.last_answer(tx, sandbox_id) == exchanges.LastAnswer(200, b"a" * 4000)
        exchanges.record(tx, turn._replace(status=0, response=b""))
        assert exchanges.last_answer(tx, sandbox_id) == exchanges.LastAnswer(0, b""), "no answer came"
