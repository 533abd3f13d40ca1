"""Who begins next of those who wait for a place: people before schedules, and nobody before somebody with less of it; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from app.core.line.daily import Daily
from app.core.line.ticket import Ticket


class Caps(NamedTuple):
    """How many runs may be under way at once: on one host, and anywhere for one repository, organisation, person, profile (None: any number).

    `daily` is what may be spent in a day.
    """

    host: int
    repository: int | None = None
    organisation: int | None = None
    person: int | None = None
    profiles: Mapping[str, int] = {}
    daily: Daily = Daily()


class Line(NamedTuple):
    """The whole line of a host in the order in which it is served: who may begin now, then who waits.

    `held` says of those who would not begin, were a place free, why (run id -> a few words).
    """

    now: tuple[Ticket, ...]
    later: tuple[Ticket, ...]
    held: Mapping[str, str]


# (`owner` or `person`, its id) -> when one of its runs last began, in milliseconds.
Served = Mapping[tuple[str, str], int]


class _Shares:
    """What everybody has of the places by now, and when they last got one."""

    def __init__(self, under_way: Iterable[Ticket], served: Served) -> None:
        self.of: Counter[tuple[str, str]] = Counter()
        self._served = dict(served)
        self._last = max(self._served.values(), default=0)
        for ticket in under_way:
            self._count(ticket)

    def add(self, ticket: Ticket) -> None:
        """Count one that begins now."""
        self._count(ticket)
        self._last += 1
        self._served |= {("owner", ticket.owner): self._last, ("person", ticket.person): self._last}

    def _count(self, ticket: Ticket) -> None:
        self.of.update([
            ("owner", ticket.owner), ("repo", ticket.repo), ("profile", ticket.profile),
            *([("person", ticket.person)] if ticket.is_by_person else []),
        ])

    def rank(self, ticket: Ticket) -> tuple[bool, int, int, int, int, int, str]:
        """Return what the next one is the least of: round robin over organisations, within one over people, then the oldest."""
        owner, person = ("owner", ticket.owner), ("person", ticket.person)
        return (
            not ticket.is_by_person, self.of[owner], self._served.get(owner, 0), self.of[person], self._served.get(person, 0),
            ticket.since_ms, ticket.run_id,
        )

    def cap_met(self, ticket: Ticket, caps: Caps) -> str:
        """Return which cap the run would pass, in words, or an empty string."""
        for kind, key, most, whose in (
            ("repo", ticket.repo, caps.repository, "in this repository"),
            ("owner", ticket.owner, caps.organisation, "for this organisation"),
            ("person", ticket.person, caps.person if ticket.is_by_person else None, "of the same person"),
            ("profile", ticket.profile, caps.profiles.get(ticket.profile), f"of the profile {ticket.profile}"),
        ):
            if most is not None and self.of[kind, key] >= most:
                return f"{most} {'run' if most == 1 else 'runs'} {whose} at once is the most"
        return ""


def line_up(
    waiting: Iterable[Ticket], under_way: Sequence[Ticket], caps: Caps, host: str, held: Mapping[str, str] | None = None,
    served: Served | None = None,
) -> Line:
    """Return the line of `host`.

    `under_way` is what runs anywhere, `held` who may not begin now for another reason than the caps, `served` who has lately had a turn.
    """
    held = dict(held or {})
    shares = _Shares(under_way, served or {})
    lines: dict[tuple[bool, str, str], list[Ticket]] = {}
    for ticket in sorted(waiting, key=lambda each: (each.since_ms, each.run_id)):
        lines.setdefault((ticket.is_by_person, ticket.owner, ticket.person), []).append(ticket)
    now = _take(lines, shares, caps, held, caps.host - sum(1 for each in under_way if each.host == host))
    for line in lines.values():
        held |= {each.run_id: why for each in line if each.run_id not in held and (why := shares.cap_met(each, caps))}
    later = []
    while lines:
        heads = [line[0] for line in lines.values()]
        ticket = min(heads, key=shares.rank)
        _leave(lines, ticket)
        shares.add(ticket)
        later.append(ticket)
    return Line(tuple(now), tuple(later), held)


def _take(
    lines: dict[tuple[bool, str, str], list[Ticket]], shares: _Shares, caps: Caps, held: Mapping[str, str], places: int
) -> list[Ticket]:
    """Take out of the lines those who may begin, as many as there are places."""
    taken: list[Ticket] = []
    while len(taken) < places:
        heads = [
            head for line in lines.values()
            if (head := next((each for each in line if each.run_id not in held and not shares.cap_met(each, caps)), None)) is not None
        ]
        if not heads:
            break
        ticket = min(heads, key=shares.rank)
        _leave(lines, ticket)
        shares.add(ticket)
        taken.append(ticket)
    return taken


def _leave(lines: dict[tuple[bool, str, str], list[Ticket]], ticket: Ticket) -> None:
    key = (ticket.is_by_person, ticket.owner, ticket.person)
    lines[key].remove(ticket)
    if not lines[key]:
        del lines[key]
