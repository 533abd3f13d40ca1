"""What an answer costs: by the table, by the profile's own word, and unknown where nobody knows."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.line.budget import Price
from app.execute.gateway.price import cost_micro_usd, is_priced
from app.execute.gateway.tokens import Tokens

MILLION = 1_000_000


@pytest.mark.parametrize(("model", "tokens", "expected"), [
    ("anthropic/claude-sonnet-4-5", Tokens(100_000, 10_000), 450_000),
    ("anthropic/claude-sonnet-4-5-20250929", Tokens(100_000), 300_000),
    ("anthropic/claude-sonnet-4-5", Tokens(100_000, 0, 100_000), 30_000),
    ("anthropic/claude-sonnet-4-5", Tokens(100_000, 0, 0, 100_000), 375_000),
    ("anthropic/claude-sonnet-4-5", Tokens(100_000, 0, 0, 100_000, 100_000), 600_000),
    ("openai/gpt-5", Tokens(100_000, 10_000, 50_000), 168_750),
    ("gemini/gemini-2.5-flash", Tokens(100_000, 10_000), 55_000),
    ("openai/gpt-5", Tokens(), 0),
    ("anthropic/gpt-5", Tokens(1, 1), None),
    ("anthropic/emulated-model", Tokens(1, 1), None),
    ("nobody/claude-sonnet-4-5", Tokens(1, 1), None),
    ("anthropic/", Tokens(1, 1), None),
])
def test_the_table(model: str, tokens: Tokens, expected: int | None) -> None:
    assert cost_micro_usd(model, tokens, {}) == expected
    assert is_priced(model, {}) is (expected is not None)


def test_a_dearer_tier_that_is_asked_for_is_paid_for() -> None:
    """Otherwise an agent could spend twice its budget by asking for it."""
    plain = cost_micro_usd("openai/gpt-5", Tokens(MILLION, MILLION), {})
    dear = cost_micro_usd("openai/gpt-5", Tokens(MILLION, MILLION), {}, {"service_tier": "priority"})
    assert plain is not None
    assert dear is not None
    assert dear > plain


def test_the_profiles_own_price_counts_first() -> None:
    own = {"openai/llama": Price(input=2, output=3), "openai/gpt-5": Price(input=0, output=0)}
    assert cost_micro_usd("openai/llama", Tokens(MILLION, MILLION), own) == 5 * MILLION
    assert cost_micro_usd("openai/gpt-5", Tokens(MILLION, MILLION), own) == 0


numbers = st.integers(0, 2**29)


@given(st.builds(Tokens, numbers, numbers, numbers, numbers, numbers), st.sampled_from(
    ("anthropic/claude-sonnet-4-5", "openai/gpt-5", "gemini/gemini-2.5-pro", "openai/none")))
def test_no_answer_of_an_upstream_breaks_it(tokens: Tokens, model: str) -> None:
    """Even one whose parts are more than its whole."""
    cost = cost_micro_usd(model, tokens, {})
    assert cost is None if model == "openai/none" else cost is not None and cost >= 0


def test_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a price asked the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert is_priced("anthropic/claude-haiku-4-5", {})
