"""What an answer cost, by a maintained price table that is part of this installation; pure, and nobody is asked.

https://github.com/pydantic/genai-prices
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal

from genai_prices import Usage, calc_price

from app.core.line.budget import Price
from app.execute.gateway.tokens import Tokens

# What the table calls the vendors.
_PROVIDERS = {"anthropic": "anthropic", "openai": "openai", "gemini": "google"}


def cost_micro_usd(
    model: str, tokens: Tokens, prices: Mapping[str, Price], terms: Mapping[str, str] | None = None
) -> int | None:
    """Return the price in millionths of a dollar, rounded up; None where nobody knows it.

    `model` is `vendor/model`; `prices` are the profile's own and count before the table's; `terms` are what a request
    can ask for that changes the price (`service_tier`, `speed`).
    """
    own = prices.get(model)
    if own is not None:
        # USD per million tokens are millionths of a dollar per token.
        return math.ceil(own.input * tokens.input + own.output * tokens.output)
    vendor, _, name = model.partition("/")
    read = min(tokens.cache_read, tokens.input)
    written = min(tokens.cache_write, tokens.input - read)
    usage = Usage(
        input_tokens=tokens.input, output_tokens=tokens.output, cache_read_tokens=read, cache_write_tokens=written,
        cache_write_1h_tokens=min(tokens.cache_write_1h, written),
    )
    try:
        price = calc_price(usage, name, provider_id=_PROVIDERS.get(vendor, vendor), price_context=dict(terms or {}))
    except (LookupError, ValueError):
        return None
    return math.ceil(price.total_price * Decimal(1_000_000))


def is_priced(model: str, prices: Mapping[str, Price]) -> bool:
    """Return whether the price of `vendor/model` is known."""
    return cost_micro_usd(model, Tokens(input=1, output=1), prices) is not None
