"""A budget's level: pure, and more spent is never less used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.line.budget import Budget, Spent, dollars, in_words, level, micro_usd

counts = st.integers(0, 2**60)
spents = st.builds(Spent, counts, counts, counts)
budgets = st.builds(
    Budget, usd=st.floats(0.000001, 1e6), tokens=st.integers(1, 2**60), turns=st.integers(1, 2**60)
)


@given(budgets, spents, spents)
def test_more_spent_is_never_less_used_and_the_same_is_the_same(budget: Budget, spent: Spent, more: Spent) -> None:
    first = level(budget, spent)
    assert first == level(budget, spent)
    assert level(budget, spent.plus(*more)).percent >= first.percent


@given(budgets, spents)
def test_all_is_used_exactly_where_one_part_is(budget: Budget, spent: Spent) -> None:
    used_up = {
        "usd": spent.cost_micro_usd >= micro_usd(budget.usd), "tokens": spent.tokens >= budget.tokens,
        "turns": spent.turns >= budget.turns,
    }
    found = level(budget, spent)
    assert (found.percent == 100) is any(used_up.values())
    assert found.percent < 100 or used_up[found.of]


@pytest.mark.parametrize(("spent", "expected"), [
    (Spent(), (0, "usd")), (Spent(turns=79), (0, "turns")), (Spent(turns=80), (80, "turns")), (Spent(turns=99), (80, "turns")),
    (Spent(turns=100), (100, "turns")), (Spent(tokens=800), (80, "tokens")), (Spent(cost_micro_usd=1_600_000), (80, "usd")),
    (Spent(turns=85, tokens=1001), (100, "tokens")), (Spent(cost_micro_usd=2_000_000), (100, "usd")),
])
def test_levels(spent: Spent, expected: tuple[int, str]) -> None:
    assert tuple(level(Budget(usd=2, tokens=1000, turns=100), spent)) == expected


def test_in_words() -> None:
    spent = Spent(turns=7, tokens=12_345, cost_micro_usd=1_234_567)
    budget = Budget(usd=2, tokens=100_000, turns=10)
    assert [in_words(budget, spent, of) for of in ("usd", "tokens", "turns")] == [
        "$1.23 of $2.00", "12,345 of 100,000 tokens", "7 of 10 turns",
    ]
    assert [dollars(micro) for micro in (0, 1, 9_000, 10_000)] == ["$0.00", "$0.0000", "$0.0090", "$0.01"]
