"""`bellhop sidecar`: build, check, list, lock and clear out what is shown to sandboxes at `/agent` and beside it."""

from __future__ import annotations

import json
from contextlib import closing
from typing import NamedTuple, cast

from rich.console import Console
from rich.table import Table

from app.errors import BellhopError, ConfigurationError
from app.execute.agents import agent_named
from app.execute.sandboxes.choose import usable_backends
from app.execute.sandboxes.docker.engine import Engine
from app.execute.tooling import leftovers, stock, tree
from app.execute.tooling.choose import ENGINE_SECONDS, ON_DOCKER, Tooling
from app.execute.tooling.parts import newest, part
from app.execute.tooling.parts.build import TOOLS_DIR
from app.execute.tooling.volume import AgentVolumes, volume_name
from app.ports import SandboxBackend
from app.profiles import load_profiles, load_registries
from app.settings import Settings


class Kind(NamedTuple):
    """All that the tooling asks of a backend: which kind of tree it shows."""

    name: str


def build(settings: Settings, names: list[str], sandbox: str, console: Console) -> None:
    """Build the base and the named parts, or those that the profiles' agents need, where they are not built yet.

    Raises ToolingError, SandboxUnavailable, ProfileError.
    """
    wanted = tuple(names) or wanted_by_profiles(settings)
    part.closure(wanted)  # before anything is built: a wrong name is told at once
    backend = cast("SandboxBackend", Kind(kind(settings, sandbox)))
    with closing(Tooling(settings)) as tooling:
        console.print(f"{stock.BASE}: {tooling.ensure(backend)}")
        for name in wanted:
            for each, place in tooling.parts(backend, (name,)).items():
                console.print(f"{each}: {place}")


def wanted_by_profiles(settings: Settings) -> tuple[str, ...]:
    """Return the parts that the agents of all profiles need, sorted. Raises ProfileError."""
    profiles = load_profiles(
        settings.profiles_dir, templates_dir=settings.templates_dir,
        check_agent=lambda choice: agent_named(choice.uses).check(choice), registries=load_registries(settings.registries_file),
    )
    choices = [choice for profile in profiles.values() for choice in profile.agents]
    return tuple(sorted({name for choice in choices for name in agent_named(choice.uses).parts(choice)}))


def kind(settings: Settings, sandbox: str) -> stock.Kind:
    """Return the kind of tree to build: as asked, or Docker's where an engine answers. Raises ConfigurationError."""
    if sandbox in stock.KINDS:
        return sandbox
    if sandbox != "auto":
        raise ConfigurationError(f"there is no kind of sandbox {sandbox[:40]!r}: docker, bubblewrap or auto")
    usable = {backend.name for backend in usable_backends(settings)}
    return "docker" if usable & set(ON_DOCKER) else "bubblewrap"


def verify(settings: Settings, console: Console) -> int:
    """Hash all that is built, on disk and in the engine's volumes; return 1 if any of it is not what was built."""
    wrong = checked = 0
    with closing(Engine(settings.docker_host, ENGINE_SECONDS)) as engine:
        volumes = AgentVolumes(engine, settings.state_dir)
        for item in stock.items(settings.state_dir):
            for each, built in sorted(item.trees.items()):
                checked += 1
                try:
                    tree.verify(built)
                    loaded = each == "docker" and volumes.holds(built)
                    if loaded:
                        volumes.verify(built)
                except BellhopError as error:
                    wrong += 1
                    console.print(f"{item.name} ({each}): {error}", style="red")
                else:
                    told = f", and in the volume {volume_name(built.digest)}" if loaded else ""
                    console.print(f"{item.name} ({each}): {built.digest} on disk{told}")
    console.print(f"{wrong} changed" if wrong else f"{checked} as built" if checked else "nothing is built yet")
    return 1 if wrong else 0


def show(settings: Settings, console: Console, *, as_json: bool) -> None:
    """List the base and all parts: version, licence, and what is built. Raises ToolingError."""
    items = stock.items(settings.state_dir)
    if as_json:
        stated = [item.model_dump(mode="json", exclude={"trees"}) | {
            "built": {each: {"path": str(built.path), "digest": built.digest} for each, built in item.trees.items()}
        } for item in items]
        print(json.dumps(stated, indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("part", "version", "licence", *(f"for {each}" for each in stock.KINDS)):
        table.add_column(name, overflow="fold")
    for item in items:
        built = (item.trees[each].digest[:12] if each in item.trees else "not built" for each in stock.KINDS)
        table.add_row(item.name, item.version, item.licence, *built)
    console.print(table)


def lock(settings: Settings, names: list[str], console: Console) -> None:
    """Write the newest versions into the parts' files, each built once before. Raises ToolingError."""
    for name in names or part.names() + part.names(TOOLS_DIR):
        found = newest.lock(name, settings.state_dir)
        if found.before == found.after:
            console.print(f"{name}: {found.before.version} is the newest")
        else:
            console.print(f"{name}: {found.before.version} -> {found.after.version}, {found.after.checksum}")


def clear(settings: Settings, console: Console, *, dry_run: bool) -> None:
    """Remove the trees, packages and volumes that nothing needs or uses. Raises ToolingError, SandboxUnavailable."""
    found = leftovers.on_disk(settings.state_dir, remove=not dry_run)
    with closing(Engine(settings.docker_host, ENGINE_SECONDS)) as engine:
        try:
            found += leftovers.in_engine(engine, settings.state_dir, remove=not dry_run)
        except BellhopError as error:
            if error.reason != "engine_down":
                raise
            console.print(f"the engine's volumes were not looked at: {error}")
    for each in found:
        console.print(f"kept, used by {each.kept_by}: {each.what}" if each.kept_by else f"{'would remove' if dry_run else 'removed'} {each.what}")
    if not found:
        console.print("nothing is left over")
