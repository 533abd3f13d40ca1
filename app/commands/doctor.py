"""`bellhop doctor`: look at everything Bellhop stands on, and say how to mend what is missing."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import redis
from rich.console import Console
from rich.table import Table

from app.commands.doctor_github import look_at_github
from app.commands.doctor_linear import look_at_linear
from app.commands.doctor_pauses import look_at_pauses
from app.commands.doctor_profiles import look_at_profiles
from app.commands.doctor_registries import look_at_registries
from app.commands.doctor_signin import look_at_signin
from app.commands.doctor_slack import look_at_slack
from app.commands.finding import Finding, several_processes
from app.core.isolation import Isolation
from app.core.profile import Profile
from app.errors import BellhopError
from app.git import Git
from app.ledger import schema
from app.ledger.database import Database
from app.observe.text import line
from app.settings import Settings

STYLES = {"ok": "green", "missing": "red", "off": "dim"}

# Below this a clone, a workspace and a bundle soon fill the disk.
LEAST_FREE_GIB = 2.0


def examine(settings: Settings, console: Console) -> int:
    """Print every finding, and return 1 if something that this set-up needs is missing."""
    findings = list(look(settings))
    table = Table(box=None, pad_edge=False, show_header=False)
    for name in ("verdict", "name", "found"):
        table.add_column(name, overflow="fold", no_wrap=name == "verdict", min_width=7)
    for finding in findings:
        table.add_row(finding.verdict, finding.name, line(finding.what, 500), style=STYLES[finding.verdict])
        if finding.mend:
            table.add_row("", "", f"-> {finding.mend}")
    console.print(table)
    missing = sum(finding.verdict == "missing" for finding in findings)
    console.print(f"{missing} to mend" if missing else "all that this set-up needs is there")
    return 1 if missing else 0


def look(settings: Settings) -> Iterator[Finding]:
    """Yield what is found, one finding per thing."""
    yield _git(settings)
    profiles, finding = _profiles(settings)
    sandboxes, levels = _sandboxes(settings)
    yield from sandboxes
    yield from _agent_tree(settings, levels)
    yield (database := _database(settings))
    yield from look_at_pauses(settings, database)
    yield _broker(settings)
    yield _writable("state directory", settings.state_dir, "BELLHOP_STATE_DIR")
    yield _writable("runtime directory", settings.runtime_dir, "BELLHOP_RUNTIME_DIR")
    yield _sockets(settings)
    yield finding
    yield from look_at_profiles(settings, profiles, levels)
    yield from _parts(settings, profiles)
    yield from look_at_registries(settings)
    yield _public_url(settings)
    yield from look_at_github(settings, profiles)
    yield from look_at_linear(settings, profiles)
    yield from look_at_slack(settings, profiles)
    yield look_at_signin(settings)
    for vendor, key, name in (
        ("anthropic", settings.anthropic_api_key, "ANTHROPIC_API_KEY"), ("openai", settings.openai_api_key, "OPENAI_API_KEY"),
        ("gemini", settings.gemini_api_key, "GEMINI_API_KEY"),
    ):
        yield _key(settings, vendor, key.get_secret_value(), name, profiles)


def _git(settings: Settings) -> Finding:
    try:
        return Finding("git", "ok", Git.from_settings(settings).check())
    except BellhopError as error:
        return Finding("git", "missing", str(error), "apt-get install git util-linux")


def _sandboxes(settings: Settings) -> tuple[list[Finding], dict[str, Isolation]]:
    """Return the findings, and the isolation level of each backend that works and may be used."""
    from app.execute.sandboxes.choose import backend_named

    found: list[Finding] = []
    levels: dict[str, Isolation] = {}
    for name in ("bubblewrap", "docker", "gvisor"):
        backend = backend_named(name, settings)
        label = f"isolation {backend.isolation}"
        if settings.sandbox_backend not in ("auto", name):
            found.append(Finding(label, "off", f"{name}: not used (BELLHOP_SANDBOX_BACKEND={settings.sandbox_backend})"))
            continue
        try:
            found.append(Finding(label, "ok", f"{name}: {backend.check()}"))
            levels[name] = backend.isolation
        except BellhopError as error:
            found.append(Finding(label, "off" if settings.sandbox_backend == "auto" else "missing", f"{name}: {error}"))
    if settings.sandbox_backend == "auto" and not levels:
        found.append(Finding("sandboxes", "missing", "none works on this host", "install Docker, or: apt-get install bubblewrap"))
    return found, levels


def _agent_tree(settings: Settings, levels: Mapping[str, Isolation]) -> Iterator[Finding]:
    if not {"docker", "gvisor"} & levels.keys():
        return
    from app.execute.tooling import build, inputs, programs

    home = settings.state_dir / "tooling"
    try:
        if ready := build.pointed(home, home / f"resolved-{inputs.read().key()}"):
            yield Finding("/agent tree", "ok", f"built ({ready.digest[:12]})")
            return
        programs.check_host()
    except BellhopError as error:
        yield Finding("/agent tree", "missing", str(error), "as it says; the first run on Docker builds the tree")
        return
    yield Finding("/agent tree", "off", "not built yet: the first run on Docker builds it, from Debian's packages")


def _parts(settings: Settings, profiles: Mapping[str, Profile]) -> Iterator[Finding]:
    """Yield what the profiles' agents need beside the base, and whether it is built for any kind of sandbox."""
    from app.execute.agents import agent_named
    from app.execute.tooling import stock
    from app.execute.tooling.parts import part

    users: dict[str, list[str]] = {}
    for name, profile in sorted(profiles.items()):
        try:
            needed = part.closure(agent_named(profile.agent.uses).parts(profile.agent))
        except BellhopError as error:
            yield Finding(f"parts of {name}", "missing", str(error), "correct the profile's `agent: with:`")
            continue
        for each in needed:
            users.setdefault(each.name, []).append(name)
    if not users:
        return
    try:
        built = {item.name: sorted(item.trees) for item in stock.items(settings.state_dir)}
    except BellhopError as error:
        yield Finding("parts", "missing", str(error), "as it says")
        return
    for name, names in sorted(users.items()):
        if built[name]:
            yield Finding(f"part {name}", "ok", f"built for {', '.join(built[name])}; needed by {', '.join(names)}")
        else:
            yield Finding(f"part {name}", "off", f"not built yet; needed by {', '.join(names)}", "the first run builds it, or: bellhop sidecar build")


def _database(settings: Settings) -> Finding:
    if not settings.database_url and not (settings.state_dir / "bellhop.db").exists():
        return Finding("database", "off", "SQLite, made at the first `bellhop up`")
    try:
        with closing(Database(settings.ledger_url)) as database:
            present, newest = schema.revision(database)
    except BellhopError as error:
        return Finding("database", "missing", str(error), "start it, or correct BELLHOP_DATABASE_URL")
    if present != newest:
        return Finding("database", "missing", f"{database.dialect} at revision {present or 'none'}, needed is {newest}",
                       "run `bellhop migrate`")
    return Finding("database", "ok", f"{database.dialect} at revision {present}")


def _broker(settings: Settings) -> Finding:
    if not several_processes(settings):
        return Finding("broker", "off", "in memory: one process (`bellhop up`), no Redis needed")
    try:
        with closing(redis.Redis.from_url(settings.broker_url, socket_timeout=3, socket_connect_timeout=3)) as client:
            client.ping()
            policy = str(client.info("memory").get("maxmemory_policy", ""))
    except (redis.RedisError, ValueError) as error:
        return Finding("broker", "missing", str(error), "start Redis, or correct BELLHOP_BROKER_URL")
    if policy not in ("noeviction", ""):
        return Finding("broker", "missing", f"Redis evicts ({policy}), so wake-ups may be lost",
                       "in redis.conf: maxmemory-policy noeviction")
    return Finding("broker", "ok", "Redis answers and never evicts")


def _writable(name: str, directory: Path, setting: str) -> Finding:
    place = directory
    try:
        while not place.exists():
            place = place.parent
        if not place.is_dir():
            raise NotADirectoryError(20, f"{place} is no directory")
        probe = place / f".bellhop-probe-{time.time_ns()}"
        probe.touch(exist_ok=False)
        probe.unlink()
        free_gib = shutil.disk_usage(place).free / 2**30
    except OSError as error:
        return Finding(name, "missing", f"{directory}: {error.strerror}", f"make it writable for this user, or set {setting}")
    if name == "state directory" and free_gib < LEAST_FREE_GIB:
        return Finding(name, "missing", f"{directory}: {free_gib:.1f} GiB free", f"make room, or set {setting}")
    return Finding(name, "ok", f"{directory} ({free_gib:.0f} GiB free)")


def _sockets(settings: Settings) -> Finding:
    from app.execute.gateway.places import Places, check_socket_path

    longest = Places(settings.runtime_dir, settings.state_dir).door("x" * 31) / "door.sock"
    try:
        check_socket_path(longest)
    except BellhopError as error:
        return Finding("socket paths", "missing", str(error), "set BELLHOP_RUNTIME_DIR to a shorter directory")
    return Finding("socket paths", "ok", "short enough")


def _profiles(settings: Settings) -> tuple[Mapping[str, Profile], Finding]:
    from app.execute.agents import agent_named
    from app.profiles import load_profiles, load_registries

    try:
        found = load_profiles(
        settings.profiles_dir, templates_dir=settings.templates_dir,
        check_agent=lambda choice: agent_named(choice.uses).check(choice),
        registries=load_registries(settings.registries_file),
    )
    except BellhopError as error:
        return {}, Finding("profiles", "missing", str(error).splitlines()[0], "run `bellhop profiles check`")
    if not found:
        return {}, Finding("profiles", "missing", f"none in {settings.profiles_dir}", "write one: docs/profiles.md")
    return found, Finding("profiles", "ok", ", ".join(sorted(found)))


def _public_url(settings: Settings) -> Finding:
    if settings.link_url:
        return Finding("public URL", "ok", settings.link_url)
    what = f"{settings.public_url} is this machine" if settings.public_url else "not set"
    return Finding("public URL", "off", f"{what}: links in comments would lead to this machine only, so they are left out",
                   "set BELLHOP_PUBLIC_URL to the address at which people reach the pages")


def _key(settings: Settings, vendor: str, value: str, setting: str, profiles: Mapping[str, Profile]) -> Finding:
    if value:
        return Finding(f"{vendor} key", "ok", "set, not tried")
    if several_processes(settings):
        return Finding(f"{vendor} key", "off", "not given to this process: the gateway has it, if any")
    users = sorted(name for name, each in profiles.items() if any((choice.model or "").startswith(f"{vendor}/") for choice in each.agents))
    if users:
        return Finding(f"{vendor} key", "missing", f"not set; wanted by {', '.join(users)}", f"set {setting} for the gateway")
    return Finding(f"{vendor} key", "off", f"not set ({setting}); no profile wants it")
