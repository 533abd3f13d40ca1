"""`bellhop doctor image`: what an image has, what a sandbox of it gets beside that, and which agents run in it."""

from __future__ import annotations

import json
import tempfile
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.table import Table

from app.core.profile import AgentChoice, Container
from app.errors import ProfileError
from app.execute.agents import agent_named, agent_names
from app.execute.sandboxes.choose import backend_options
from app.execute.sandboxes.docker.backend import open_docker
from app.execute.sandboxes.docker.engine import Engine
from app.execute.sandboxes.docker.survey import Survey, survey
from app.execute.tooling import stock, trial
from app.execute.tooling.choose import Tooling
from app.execute.tooling.parts import part
from app.observe.text import line
from app.settings import Settings

ENGINE_TIMEOUT_SECONDS = 60.0
SHOWN = 300


def examine_image(settings: Settings, name: str, console: Console, *, as_json: bool, to_try: bool) -> int:
    """Print what an image of this host has; return 1 if no agent runs in it. Raises SandboxUnavailable, ToolingError.

    With `to_try` the base, and the parts that are built, are started in sandboxes of it.
    """
    with closing(Engine(settings.docker_host, ENGINE_TIMEOUT_SECONDS)) as engine:
        found = survey(engine, name, Container().user)
    built = {item.name for item in stock.items(settings.state_dir) if "docker" in item.trees}
    failed = trials(settings, name, built - {stock.BASE}) if to_try and found.is_usable else None
    agents = verdicts(found, built, failed)
    if as_json:
        print(json.dumps({"image": name, **found.model_dump(mode="json"), "agents": agents, "usable": found.is_usable}, indent=2))
    else:
        _print(console, [("image", f"{name} ({found.id[:19]}, {found.size_mb} MB)"), *facts(found)])
        console.print()
        _print(console, [(agent, said) for agent, said in agents.items()])
    return 0 if any(said.startswith("yes") for said in agents.values()) else 1


def trials(settings: Settings, image: str, built: set[str]) -> dict[str, str]:
    """Return what went wrong with the base (an empty name) and with each built part, empty for nothing; each in a sandbox."""
    usual = backend_options(settings)
    # Not the worker's installation: its sweep would take these for sandboxes that nobody remembers.
    with (
        closing(open_docker(usual.model_copy(update={"installation": f"{usual.installation}-doctor"}))) as backend,
        closing(Tooling(settings)) as tooling, tempfile.TemporaryDirectory(dir=settings.state_dir, prefix="doctor-") as directory,
    ):
        for left in backend.find().values():
            backend.destroy(left)
        base = tooling.ensure(backend)
        failed = {"": trial.tried(backend, image, base, {}, (), Path(directory))}
        for name in sorted(built):
            needed = [each.name for each in part.closure((name,))]
            if set(needed) <= built:
                wanted = (name, *(each for each in needed if each != name))
                failed[name] = trial.tried(backend, image, base, tooling.parts(backend, wanted), wanted, Path(directory))
    return failed


def facts(found: Survey) -> list[tuple[str, str]]:
    """Return what is worth a line, in order."""
    none = "none: "
    shells = ", ".join(path if path == place else f"{path} -> {place}" for path, place in found.shells.items())
    tools = ", ".join(f"{name} ({place})" for name, place in found.tools.items())
    lines = [
        ("platform", found.platform),
        ("system", found.distribution or "does not say"),
        ("C library", ", ".join(found.libc) or none + "programs that Bellhop brings have their own"),
        ("shell", shells or none + "/agent/bin/sh takes its place"),
        ("git", found.git or none + "/agent/bin/git is used"),
        ("certificates", found.ca_bundle or none + "programs that Bellhop brings have their own"),
        ("toolchains", tools or "none in its PATH"),
        ("PATH", f"{found.path}, and /agent/bin last"),
        ("added", ", ".join(found.added) or "nothing: it has all that programs take for granted"),
    ]
    overruled = [
        (f"USER {found.user}", bool(found.user)), (f"ENTRYPOINT {' '.join(found.entrypoint)}", bool(found.entrypoint)),
        (f"CMD {' '.join(found.command)}", bool(found.command)), (f"ENV {' '.join(found.environment)}", bool(found.environment)),
    ]
    if told := [what for what, is_set in overruled if is_set]:
        lines.append(("without effect", "; ".join(told)))
    if found.volumes:
        lines.append(("read-only", f"its volumes {', '.join(found.volumes)}"))
    return lines


def verdicts(found: Survey, built: set[str], failed: dict[str, str] | None = None) -> dict[str, str]:
    """Return what is to be said of each agent; `built` are the parts that this host has built for Docker.

    `failed` says what went wrong with each that was started; None: nothing was.
    """
    said = {}
    for name in agent_names():
        if not found.is_usable:
            said[name] = f"no: the image is for {found.platform}, and what Bellhop brings is for linux/amd64"
            continue
        if failed and failed.get(""):
            said[name] = f"no: the base does not start in it ({failed['']})"
            continue
        try:
            needed = [each.name for each in part.closure(agent_named(name).parts(AgentChoice(uses=name)))]
        except ProfileError:
            said[name] = "yes, with the parts and programs that the profile's `with:` names"
            continue
        missing = [each for each in needed if each not in built]
        parts = f"with the part{'s' if len(needed) > 1 else ''} {', '.join(needed)}" if needed else "by the base"
        wrong = [f"{each}: {failed[each]}" for each in needed if failed and failed.get(each)]
        if wrong:
            said[name] = f"no: its programs do not start in it ({'; '.join(wrong)})"
            continue
        started = "" if failed is None else "; started in it" if {"", *needed} <= set(failed) else "; not built, so not started"
        said[name] = f"yes, {parts}" + (f"; the first run builds {', '.join(missing)}" if missing else "") + started
    return said


def _print(console: Console, rows: list[tuple[str, str]]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True, min_width=14)
    table.add_column(overflow="fold")
    for name, said in rows:
        table.add_row(name, line(said, SHOWN))
    console.print(table)
