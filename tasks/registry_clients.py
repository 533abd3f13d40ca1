"""What makes package clients in a sandbox ask the door: their own settings, by environment and by files below HOME.

Addresses only: whatever a registry wants to know of us is put in by the gateway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from app.core.assignment import LOOPBACK_URL
from app.core.registry import Registry

HOME = "/home/bellhop"
_APT = ".bellhop/apt"


class Clients(NamedTuple):
    """Environment, and files below HOME."""

    env: dict[str, str]
    files: dict[str, str]


Named = Mapping[str, Registry]


def clients(registries: Named) -> Clients:
    """Return what the clients of these registries need; the first one of a kind is the one that a plain install asks."""
    env: dict[str, str] = {}
    files: dict[str, str] = {}
    for kind, made in _KINDS.items():
        if of_kind := {name: registry for name, registry in registries.items() if registry.kind == kind}:
            more = made(of_kind)
            env |= more.env
            files |= more.files
    return Clients(env, files)


def _door(name: str) -> str:
    return f"{LOOPBACK_URL}/registry/{name}/"


def _pypi(registries: Named) -> Clients:
    """Point pip (https://pip.pypa.io/en/stable/topics/configuration/) and uv (https://docs.astral.sh/uv/reference/environment/).

    The first only: beside a second index, either would take a stranger's package of the same name.
    """
    index = f"{_door(next(iter(registries)))}simple/"
    return Clients({
        "PIP_INDEX_URL": index, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "UV_DEFAULT_INDEX": index,
        "UV_INDEX_URL": index,
    }, {})


def _npm(registries: Named) -> Clients:
    """Point npm: https://docs.npmjs.com/cli/using-npm/config. What has a scope serves that scope only."""
    env = {
        "npm_config_audit": "false", "npm_config_fund": "false", "npm_config_update_notifier": "false",
        # Lock files name the registry that the team uses, and go on naming it.
        "npm_config_replace_registry_host": "always",
    }
    for name, registry in registries.items():
        env.setdefault(f"npm_config_{registry.scope}:registry" if registry.scope else "npm_config_registry", _door(name))
    return Clients(env, {})


def _crates(registries: Named) -> Clients:
    """Point cargo by a file: https://doc.rust-lang.org/cargo/reference/source-replacement.html has no variable for it."""
    lines = ["[source.crates-io]", 'replace-with = "bellhop"', "", "[source.bellhop]",
             f'registry = "sparse+{_door(next(iter(registries)))}index/"']
    for name in registries:
        lines += ["", f"[registries.{name}]", f'index = "sparse+{_door(name)}index/"']
    return Clients({"CARGO_HOME": f"{HOME}/.cargo"}, {".cargo/config.toml": "\n".join(lines) + "\n"})


def _go(registries: Named) -> Clients:
    """Point go: https://go.dev/ref/mod#environment-variables. No `direct`; the checksum database is asked through the proxy."""
    return Clients({"GOPROXY": ",".join(_door(name).rstrip("/") for name in registries)}, {})


def _debian(registries: Named) -> Clients:
    """Give apt lists and a cache of its own below HOME: https://manpages.debian.org/bookworm/apt/apt.conf.5.en.html."""
    lines = []
    for name, registry in registries.items():
        keys = f"[signed-by={registry.signed_by}] " if registry.signed_by else ""
        lines += [f"deb {keys}{_door(name)} {suite} {' '.join(registry.components)}" for suite in registry.suites]
    place = f"{HOME}/{_APT}"
    settings = {
        "Dir::State": f"{place}/state", "Dir::State::status": "/var/lib/dpkg/status", "Dir::Cache": f"{place}/cache",
        "Dir::Etc::sourcelist": f"{place}/sources.list", "Dir::Etc::sourceparts": "-", "Acquire::http::Proxy": "DIRECT",
        "Acquire::Languages": "none",
    }
    return Clients({"APT_CONFIG": f"{place}/apt.conf"}, {
        f"{_APT}/apt.conf": "".join(f'{name} "{value}";\n' for name, value in settings.items()),
        f"{_APT}/sources.list": "".join(f"{line}\n" for line in lines),
        f"{_APT}/state/lists/partial/.made": "", f"{_APT}/cache/archives/partial/.made": "",
    })


_KINDS: dict[str, Callable[[Named], Clients]] = {
    "pypi": _pypi, "npm": _npm, "crates": _crates, "go": _go, "debian": _debian,
}
