"""The base of every noun: a frozen pydantic model that refuses members it does not know."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Noun(BaseModel):
    """An immutable value; two with the same members are equal."""

    model_config = ConfigDict(frozen=True, extra="forbid")
