"""A block of a profile: a noun whose keys are kebab-case in YAML."""

from __future__ import annotations

from pydantic import ConfigDict

from app.core.noun import Noun


def _kebab(name: str) -> str:
    return name.replace("_", "-")


class Section(Noun):
    """A block of a profile; its keys are kebab-case in YAML."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=_kebab, populate_by_name=True)
