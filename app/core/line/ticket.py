"""A run as the line knows it."""

from __future__ import annotations

from typing import NamedTuple


class Ticket(NamedTuple):
    """A run in the line, or under way, by what it is counted under.

    `owner` is the organisation (or account) of the repository, `person` who rang, `since_ms` when; all of them ids of the service's,
    with its name before them. `budget_micro_usd` is the most that the run may cost.
    """

    run_id: str
    since_ms: int
    owner: str = ""
    repo: str = ""
    person: str = ""
    profile: str = ""
    is_by_person: bool = True
    budget_micro_usd: int = 0
    host: str | None = None
    # When it left the line, of one that is under way.
    began_ms: int | None = None
