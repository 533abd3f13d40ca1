"""What a run may use up of its models, as a profile says it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.core.section import Section


class Price(Section):
    """What a model costs that no price table knows: USD per million tokens."""

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]


class Budget(Section):
    """The most that one run may use: money, tokens in and out together, and turns (requests to a model).

    At four fifths of any of them the thread is told; at the whole the agent has one turn to wrap up. `prices` are for
    models that the price table does not know, as `vendor/model`.
    """

    usd: Annotated[float, Field(gt=0)] = 10.0
    tokens: Annotated[int, Field(ge=1)] = 20_000_000
    turns: Annotated[int, Field(ge=1)] = 500
    prices: dict[str, Price] = {}
