"""How a run shows beside its one comment: a profile's `signs:`."""

from __future__ import annotations

from app.core.section import Section


class Signs(Section):
    """Whether a run has a check on its commit, and puts a reaction on what it was started by."""

    check_run: bool = True
    reaction: bool = True
