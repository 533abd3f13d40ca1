"""How far a profile's results go by themselves, least first; the publisher holds them to it."""

from __future__ import annotations

from typing import Literal

Autonomy = Literal["observe", "suggest", "draft", "propose", "merge"]

LEVELS: tuple[Autonomy, ...] = ("observe", "suggest", "draft", "propose", "merge")


def is_least(level: Autonomy, least: Autonomy) -> bool:
    """Return whether `level` goes as far as `least`, or further."""
    return LEVELS.index(level) >= LEVELS.index(least)


def lower(one: Autonomy, other: Autonomy) -> Autonomy:
    """Return the one that goes less far."""
    return LEVELS[min(LEVELS.index(one), LEVELS.index(other))]
