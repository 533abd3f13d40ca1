"""What keeps somebody's pull request from being merged, and whether a profile offers to see to it: a profile's `offer:`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from app.core.section import Section

# In the order in which a press of the button sees to them.
Friction = Literal["conflict", "red-build", "stale"]
FRICTIONS: tuple[Friction, ...] = ("conflict", "red-build", "stale")


class Offer(Section):
    """What a button is offered for on pull requests that are not Bellhop's own; `stale_days` is how long one may rest."""

    for_: tuple[Friction, ...] = Field(default=(), alias="for")
    stale_days: Annotated[int, Field(ge=1)] = 14
