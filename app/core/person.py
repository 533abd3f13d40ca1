"""Somebody as the service where they speak knows them: what their account there is, which says nothing of who they are elsewhere."""

from __future__ import annotations

from typing import Literal

from app.core.noun import Noun

# `stranger`: of another workspace, as in a channel that two share.
Membership = Literal["member", "guest", "stranger", "deactivated", "bot"]


class Person(Noun):
    """An account at a chat or planning service. `name` is what people see, and proves nothing; `email` proves no more, and nothing is done with it."""

    id: str
    name: str
    membership: Membership
    email: str = ""


class Spoken(Noun):
    """Something said earlier in a thread, by a member; `images` are the ids of pictures that belong to it, by which the service has them."""

    author: str
    text: str
    images: tuple[str, ...] = ()


class History(Noun):
    """What was said in a thread before, oldest first, and how many messages were left out because of who wrote them."""

    spoken: tuple[Spoken, ...] = ()
    left_out: int = 0
