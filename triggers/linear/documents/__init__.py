"""The GraphQL documents that Bellhop sends to Linear, one file each; a test holds each of them against Linear's own schema."""

from __future__ import annotations

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


@cache
def document(name: str) -> str:
    """Return the document of that name."""
    return (FOLDER / f"{name}.graphql").read_text(encoding="utf-8")
