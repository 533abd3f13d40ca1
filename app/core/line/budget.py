"""What a run may use up of its models, as a profile says it, and how far it has; pure."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from app.core.section import Section


class Price(Section):
    """What a model costs that no price table knows: USD per million tokens."""

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]


class Budget(Section):
    """The most that one run may use: money, tokens in and out together, and turns (answered requests to
    a model; counting tokens and listing models are free).

    At four fifths of any of them the thread is told; at the whole the agent has one turn to wrap up. `prices` are for
    models that the price table does not know, as `vendor/model`. `daily_usd` is the most of all the profile's runs within one day.
    """

    usd: Annotated[float, Field(gt=0)] = 10.0
    tokens: Annotated[int, Field(ge=1)] = 20_000_000
    turns: Annotated[int, Field(ge=1)] = 500
    daily_usd: Annotated[float, Field(gt=0)] | None = None
    prices: dict[str, Price] = {}


Part = Literal["usd", "tokens", "turns"]


class Spent(NamedTuple):
    """What a run has used up: answered requests, tokens in and out together, millionths of a dollar."""

    turns: int = 0
    tokens: int = 0
    cost_micro_usd: int = 0

    def plus(self, turns: int, tokens: int, cost_micro_usd: int) -> Spent:
        """Return the sum."""
        return Spent(self.turns + turns, self.tokens + tokens, self.cost_micro_usd + cost_micro_usd)


class Level(NamedTuple):
    """How far the budget is used: `percent` is 0, 80 or 100; `of` the part that is used up furthest."""

    percent: Literal[0, 80, 100]
    of: Part


def level(budget: Budget, spent: Spent) -> Level:
    """Return how much of the budget is gone; more spent never means a lower level. Pure."""
    limits: dict[Part, tuple[int, int]] = {
        "usd": (spent.cost_micro_usd, micro_usd(budget.usd)), "tokens": (spent.tokens, budget.tokens),
        "turns": (spent.turns, budget.turns),
    }
    percents: dict[Part, Literal[0, 80, 100]] = {
        part: 100 if used >= limit else 80 if used * 100 >= limit * 80 else 0 for part, (used, limit) in limits.items()
    }
    of: Part = max(limits, key=lambda part: (percents[part], limits[part][0] / limits[part][1]))
    return Level(percents[of], of)


def in_words(budget: Budget, spent: Spent, of: Part) -> str:
    """Return how much of one part is used, for people."""
    if of == "usd":
        return f"{dollars(spent.cost_micro_usd)} of {dollars(micro_usd(budget.usd))}"
    used, limit = (spent.tokens, budget.tokens) if of == "tokens" else (spent.turns, budget.turns)
    return f"{used:,} of {limit:,} {of}"


def micro_usd(usd: float) -> int:
    """Return dollars as millionths, at least one."""
    return max(1, round(usd * 1_000_000))


def dollars(cost_micro_usd: int) -> str:
    """Return millionths of a dollar for people: cents, or four places where it is less than one."""
    usd = cost_micro_usd / 1_000_000
    return f"${usd:.2f}" if usd >= 0.01 or not cost_micro_usd else f"${usd:.4f}"


def cost_in_words(cost_micro_usd: int, turns: int, unpriced: int) -> str:
    """Return what turns cost, for people; `unpriced` of them have a price that nobody knows. Empty where there were none."""
    if not turns:
        return ""
    if not unpriced:
        return dollars(cost_micro_usd)
    return "price unknown" if unpriced == turns else f"{dollars(cost_micro_usd)}, and {unpriced} of {turns} turns of unknown price"
