"""News of where the App is installed: which repositories it may work in, by their own numbers."""

from __future__ import annotations

from typing import Literal

from app.core.noun import Noun


class Known(Noun):
    """A repository that the App is installed on; None is what the news does not say."""

    id: int
    full_name: str
    default_branch: str | None = None
    archived: bool | None = None


class Roster(Noun):
    """One piece of news about one installation; nobody acts on it, and it starts nothing.

    `here` are repositories that it covers now, `gone` the numbers of those that it covers no more. `installation` is what became of the
    whole of it: `gone` takes all of its repositories along, `suspended` holds them until it is `back`.
    """

    source: str
    kind: str
    installation_id: int
    here: tuple[Known, ...] = ()
    gone: tuple[int, ...] = ()
    installation: Literal["same", "gone", "suspended", "back"] = "same"
