"""What a sandbox asked for at its door and did not get."""

from __future__ import annotations

from app.core.noun import Noun


class Denied(Noun):
    """`target` is what was asked for, in the sandbox's own words; `why` is Bellhop's, empty where none is on file."""

    target: str
    why: str = ""
