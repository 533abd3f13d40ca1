"""Which lines the denials of recent runs would add to `egress: connect:`. Pure: nothing is permitted by being proposed."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from app.core.noun import Noun
from app.core.sandbox.denied import Denied
from app.core.sandbox.destination import (
    HTTPS_PORT,
    NOT_NAMED,
    Destination,
    Entry,
    NotADestination,
    parse_authority,
    parse_entry,
)

# Names that mean something inside one network only, or nothing. RFC 6761, 6762, 7686, 8375, and ICANN's `internal`.
_PRIVATE_ENDS = frozenset({
    "arpa", "corp", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain", "localhost", "onion", "private", "test",
})


class Line(Noun):
    """One line to add, and the runs that asked for it, newest first."""

    entry: str
    runs: tuple[str, ...]


class LeftOut(Noun):
    """What was denied and is not proposed, and why not."""

    target: str
    why: str
    runs: tuple[str, ...]


class EgressProposal(Noun):
    """`lines` in the order of how many runs asked, most first."""

    lines: tuple[Line, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def propose_egress(
    denied: Iterable[tuple[str, Denied]], present: Iterable[str], own_hosts: Collection[str] = ()
) -> EgressProposal:
    """Return what the denials suggest; `denied` are run ids with what was denied, `present` is the profile's list now.

    `own_hosts` are services that Bellhop itself speaks to for the sandbox (forge, models, registries).
    """
    entries = _readable(present)
    lines: dict[str, list[str]] = {}
    left_out: dict[tuple[str, str], list[str]] = {}
    for run_id, each in denied:
        destination, why = _judged(each, own_hosts)
        if destination is None:
            _add(left_out.setdefault((each.target, why), []), run_id)
        elif not any(entry.permits(destination) for entry in entries):
            entry = destination.host if destination.port == HTTPS_PORT else str(destination)
            _add(lines.setdefault(entry, []), run_id)
    return EgressProposal(
        lines=tuple(Line(entry=entry, runs=tuple(runs)) for entry, runs in sorted(lines.items(), key=lambda item: (-len(item[1]), item[0]))),
        left_out=tuple(LeftOut(target=target, why=why, runs=tuple(runs)) for (target, why), runs in left_out.items()),
    )


def _judged(denied: Denied, own_hosts: Collection[str]) -> tuple[Destination | None, str]:
    method, _, authority = denied.target.partition(" ")
    if method != "CONNECT" or denied.why != NOT_NAMED:
        return None, denied.why or "was refused for another reason"
    try:
        # What is on record is the sandbox's own word: it is read as strictly as when it was asked.
        destination = parse_authority(authority.encode("utf-8", "replace"))
    except NotADestination as error:
        return None, str(error)
    if destination.address is not None:
        return None, "an address is not proposed: name the host"
    if "." not in destination.host or destination.host.rpartition(".")[2] in _PRIVATE_ENDS:
        return None, "a private name is not proposed"
    if destination.host in own_hosts:
        return None, "Bellhop speaks to it for the sandbox: a tunnel would get round that"
    return destination, ""


def _readable(present: Iterable[str]) -> list[Entry]:
    entries = []
    for text in present:
        try:
            entries.append(parse_entry(text))
        except NotADestination:
            continue
    return entries


def _add(runs: list[str], run_id: str) -> None:
    if run_id not in runs:
        runs.append(run_id)
