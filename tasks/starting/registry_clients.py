"""What makes package clients in a sandbox ask the door: their own settings, by environment and by files below HOME.

Addresses only: whatever a registry wants to know of us is put in by the gateway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from app.core.assignment import LOOPBACK_URL
from app.core.sandbox.registry import Registry

HOME = "/home/bellhop"
_APT = ".bellhop/apt"


class Clients(NamedTuple):
    """Environment, files below HOME, and directories of programs for the end of PATH."""

    env: dict[str, str]
    files: dict[str, str]
    path: tuple[str, ...] = ()


Named = Mapping[str, Registry]


def clients(registries: Named) -> Clients:
    """Return what the clients of these registries need; the first one of a kind is the one that a plain install asks."""
    env: dict[str, str] = {}
    files: dict[str, str] = {}
    path: tuple[str, ...] = ()
    for kind, made in _KINDS.items():
        if of_kind := {name: registry for name, registry in registries.items() if registry.kind == kind}:
            more = made(of_kind)
            env |= more.env
            files |= more.files
            path += more.path
    return Clients(env, files, path)


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
    """Let apt work as nobody in particular, on a system that is read-only: https://manpages.debian.org/bookworm/apt/apt.conf.5.en.html.

    Lists, cache and dpkg's own records are below HOME, the latter a copy of the image's with all on hold: apt adds what the image lacks
    and changes nothing of it (a second libc beside the first would break every program). dpkg unpacks below HOME too and runs packages' scripts without chroot (https://manpages.debian.org/bookworm/dpkg/dpkg.1.en.html,
    `--force-script-chrootless`). Programs, libraries and headers are found there by variables.
    """
    lines = []
    for name, registry in registries.items():
        keys = f"[signed-by={registry.signed_by}] " if registry.signed_by else ""
        lines += [f"deb {keys}{_door(name)} {suite} {' '.join(registry.components)}" for suite in registry.suites]
    place = f"{HOME}/{_APT}"
    settings = {
        "Dir::State": f"{place}/state", "Dir::State::status": f"{place}/dpkg/status", "Dir::Cache": f"{place}/cache", "Dir::Log": f"{place}/log",
        "Dir::Etc::sourcelist": f"{place}/sources.list", "Dir::Etc::sourceparts": "-", "Acquire::http::Proxy": "DIRECT",
        "Acquire::Languages": "none", "APT::Install-Recommends": "false",
        # Once, before the first package list is there to install anything from.
        "APT::Update::Pre-Invoke::": f"sh {place}/records.sh",
    }
    options = (
        f"--admindir={place}/dpkg", f"--instdir={place}/root", "--log=/dev/null", "--force-not-root", "--force-script-chrootless",
        "--force-bad-path",
    )
    root = f"{place}/root"
    libraries = ":".join(f"{root}/{directory}" for directory in ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib"))
    return Clients({
        "APT_CONFIG": f"{place}/apt.conf", "LD_LIBRARY_PATH": libraries, "LIBRARY_PATH": libraries,
        "CPATH": f"{root}/usr/include:{root}/usr/include/x86_64-linux-gnu", "DEBIAN_FRONTEND": "noninteractive",
    }, {
        f"{_APT}/apt.conf": "".join(
            f'{name} "{value}";\n' for name, value in (*settings.items(), *(("DPkg::Options::", option) for option in options))
        ),
        f"{_APT}/sources.list": "".join(f"{line}\n" for line in lines),
        f"{_APT}/records.sh": _RECORDS.format(place=place),
        **{f"{_APT}/{directory}/.made": "" for directory in ("state/lists/partial", "cache/archives/partial", "log", "root")},
    }, tuple(f"{root}/{directory}" for directory in ("usr/bin", "usr/sbin", "bin", "sbin")))


# Without the scripts and triggers of the image's own packages: those would touch the system. An image may have no records at all.
_RECORDS = """\
[ -e {place}/dpkg/status ] && exit 0
mkdir -p {place}/dpkg/info {place}/dpkg/updates {place}/dpkg/triggers
cp /var/lib/dpkg/info/format /var/lib/dpkg/info/*.list {place}/dpkg/info/ 2>/dev/null
sed 's/^Status: install ok installed$/Status: hold ok installed/' /var/lib/dpkg/status >{place}/dpkg/status 2>/dev/null
exit 0
"""

_KINDS: dict[str, Callable[[Named], Clients]] = {
    "pypi": _pypi, "npm": _npm, "crates": _crates, "go": _go, "debian": _debian,
}
