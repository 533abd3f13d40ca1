"""What of the tooling nothing needs any more: trees, packages and volumes of what was pinned before.

A tree that a running bubblewrap sandbox shows, and a volume that any container has, started or not, stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import docker.errors

from app.core.noun import Noun
from app.execute.sandboxes.docker.engine import Engine, engine_errors
from app.execute.tooling import layout, removal, stock
from app.execute.tooling.lock import held
from app.execute.tooling.mounted import mounted
from app.execute.tooling.parts import npm, part
from app.execute.tooling.parts.build import TOOLS_DIR, tool_place
from app.execute.tooling.parts.fetch import hexadecimal, kept_name
from app.execute.tooling.volume import LABEL

BASE_TREE = re.compile(r"[0-9a-f]{16}")


class Leftover(Noun):
    """`kept_by` says what still uses it; empty for what is, or would be, removed."""

    what: str
    kept_by: str = ""


def on_disk(state_dir: Path, *, remove: bool) -> list[Leftover]:
    """Return what is left below the state directory, removed where `remove`. Raises ToolingError."""
    home = state_dir / "tooling"
    found = []
    with ExitStack() as locks:
        # Nobody builds, or loads a volume from a tree, meanwhile.
        for name in ("lock", "process.lock", "volume.lock", *(f"parts/{each}.lock" for each in part.names()), "parts/tools/patchelf.lock"):
            locks.enter_context(held(home / name))
        needed = set(_needed(state_dir, home))
        for path in _present(home):
            if path in needed:
                continue
            kept_by = "a running sandbox" if path.is_dir() and mounted(path.name) else ""
            found.append(Leftover(what=str(path), kept_by=kept_by))
            if remove and not kept_by:
                removal.remove(path)
    return found


def _needed(state_dir: Path, home: Path) -> Iterator[Path]:
    for item in stock.items(state_dir):
        yield from (built.path for built in item.trees.values())
    parts = [part.load(name) for name in part.names()]
    tools = [part.load(name, TOOLS_DIR) for name in part.names(TOOLS_DIR)]
    for each in (*parts, *tools):
        yield home / "parts" / "packages" / kept_name(each)
    for tool in tools:
        yield tool_place(home / "parts", tool)
    yield npm.place_of(hexadecimal(part.load("node").checksum), home / "parts")


def _present(home: Path) -> Iterator[Path]:
    for path in sorted(home.glob("*")):
        if path.is_dir() and (BASE_TREE.fullmatch(path.name) or path.name.startswith("process-")) and (path / layout.DIGEST_FILE).is_file():
            yield path
    parts = home / "parts"
    yield from sorted([*home.glob(f"{removal.PREFIX}*"), *parts.glob(f"{removal.PREFIX}*"), *parts.glob(f"*/{removal.PREFIX}*")])
    yield from (path for path in sorted(parts.glob("*-*")) if (path / layout.DIGEST_FILE).is_file() and not path.name.startswith(removal.PREFIX))
    for path in sorted([*parts.glob("packages/*"), *parts.glob("tools/*-*"), *parts.glob("npm-*")]):
        if not path.name.startswith(removal.PREFIX):
            yield path


def in_engine(engine: Engine, state_dir: Path, *, remove: bool) -> list[Leftover]:
    """Return the engine's volumes of trees that are not the present ones, removed where `remove`.

    Raises ToolingError, SandboxUnavailable.
    """
    with held(state_dir / "tooling" / "volume.lock"):
        needed = {built.digest for item in stock.items(state_dir) for built in item.trees.values()}
        return [volume(engine, name, remove=remove) for name in unneeded(engine, needed)]


def unneeded(engine: Engine, needed: set[str]) -> list[str]:
    """Return the names of the volumes of trees with other digests. Raises SandboxUnavailable."""
    with engine_errors("list volumes"):
        ours = engine.api.volumes(filters={"label": [LABEL, "bellhop=tooling"]})["Volumes"] or []
    return sorted(str(each["Name"]) for each in ours if each["Labels"][LABEL] not in needed)


def volume(engine: Engine, name: str, *, remove: bool) -> Leftover:
    """Return one volume and which container has it; where `remove` and none has it, it is removed. Raises SandboxUnavailable."""
    api = engine.api
    with engine_errors("remove a volume"):
        users = api.containers(all=True, filters={"volume": name})
        kept_by = f"the container {users[0]['Names'][0].lstrip('/')}" if users else ""
        if remove and not users:
            try:
                # Never by force: the engine refuses what a container got meanwhile.
                api.remove_volume(name)
            except docker.errors.APIError as error:
                if error.status_code != 409:
                    raise
                kept_by = "a container"
    return Leftover(what=f"volume {name}", kept_by=kept_by)
