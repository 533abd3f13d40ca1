"""Turns to ask a service: whom it counts a request by, what kind of request it is, and the seam at which they are taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Literal, Protocol

from app.core.event import SLACK, Repo

# `begin`: a piece of work, whose first request is for its token. `spare`: a write that stands beside one that says the same, and yields to that.
Act = Literal["begin", "read", "write", "spare"]

READING = frozenset({"GET", "HEAD", "OPTIONS"})


def counted_by(source: str, repo: Repo) -> str:
    """Return the name of what a service's limits are counted by: one installation of the App."""
    return f"{source} {repo.installation_id or repo.owner}"


def counted_as_app(source: str) -> str:
    """Return the name of what the App's own requests are counted by: those that ask for tokens, and for where it is installed."""
    return f"{source} app"


def counted_in(thread: str) -> str:
    """Return the name of what a chat service counts new messages by: the channel that a conversation is in; empty where none is counted so."""
    source, _, place = thread.partition(":")
    return f"{source} {' '.join(place.split('/')[:2])}" if source == SLACK else ""


class Turn(Protocol):
    """A turn that was taken; ends with its block."""

    def heard(self, status: int, headers: Mapping[str, str], message: str) -> None:
        """Take note of what an answer says of limits; header names in lower case, `message` where it refuses."""


class Pace(Protocol):
    """How fast a service may be asked: one truth for all threads, processes and hosts. `who` is whom the service counts by."""

    def wait_seconds(self, who: str, act: Act) -> float:
        """Return how long this would have to wait, as far as is known; 0: not at all."""

    def turn(self, who: str, act: Act) -> AbstractContextManager[Turn]:
        """Take a turn for one request, at once or within two seconds. Raises Paced, which says how long it would be."""


class Unpaced:
    """The Pace of whoever asks a service alone, and hardly ever: nothing waits."""

    def wait_seconds(self, who: str, act: Act) -> float:
        """Return 0."""
        return 0.0

    @contextmanager
    def turn(self, who: str, act: Act) -> Iterator[Unpaced]:
        """Take a turn at once."""
        yield self

    def heard(self, status: int, headers: Mapping[str, str], message: str) -> None:
        """Take note of nothing."""
