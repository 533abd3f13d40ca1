"""What of the tooling is built on this host, as it is pinned now: the base, and each part, for each kind of sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from app.core.noun import Noun
from app.execute.tooling import inputs, layout, process, tree
from app.execute.tooling.build import pointed
from app.execute.tooling.parts import part
from app.execute.tooling.parts.build import place_of
from app.execute.tooling.tree import Tree

Kind = Literal["docker", "bubblewrap"]
KINDS: tuple[Kind, ...] = ("docker", "bubblewrap")
BASE = "base"


class Item(Noun):
    """One thing of the tooling; `trees` holds what is built, by kind of sandbox."""

    name: str
    version: str
    licence: str
    trees: dict[Kind, Tree]


def items(state_dir: Path) -> list[Item]:
    """Return the base and all parts, built or not. Raises ToolingError."""
    home = state_dir / "tooling"
    base: dict[Kind, Tree] = {}
    if ready := pointed(home, home / f"resolved-{inputs.read().key()}"):
        base["docker"] = ready
    if finished := _finished(home / process.named()[0]):
        base["bubblewrap"] = finished
    parts = [part.load(name) for name in part.names()]
    return [
        Item(name=BASE, version="", licence="see etc/bellhop-tooling.json in it", trees=base),
        *(Item(name=each.name, version=each.version, licence=each.licence, trees=_trees(state_dir, each)) for each in parts),
    ]


def _trees(state_dir: Path, wanted: part.Part) -> dict[Kind, Tree]:
    found = {kind: _finished(place_of(state_dir, wanted, relocated=kind == "docker")) for kind in KINDS}
    return {kind: built for kind, built in found.items() if built is not None}


def _finished(place: Path) -> Tree | None:
    return tree.opened(place) if (place / layout.DIGEST_FILE).is_file() else None
