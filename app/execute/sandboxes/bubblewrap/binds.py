"""What of the host a bubblewrap sandbox sees: an explicit list, never `/`."""

from __future__ import annotations

import pwd
from pathlib import Path
from typing import NamedTuple

from app.errors import SandboxUnavailable

_ROOT_LINKS = ("bin", "sbin", "lib", "lib32", "lib64")
_ETC = (
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "ssl/certs", "ssl/openssl.cnf", "ca-certificates.conf",
    "pki/tls/certs", "pki/ca-trust/extracted", "localtime", "mime.types", "protocols", "services",
)
# Below /usr, and yet this host's own: an npmrc or a pip.conf there can hold a token.
_HIDDEN = ("usr/local/etc",)
_MANY = 1000


class Host(NamedTuple):
    """`links` are symlinks to make (target, name); `shown` are host paths to show read-only (source, destination).

    `hidden` are directories within those to show empty.
    """

    links: tuple[tuple[str, str], ...]
    shown: tuple[tuple[str, str], ...]
    hidden: tuple[str, ...] = ()


def of_host(root: Path = Path("/")) -> Host:
    """Return the system part: /usr, its customary aliases, and the little of /etc that programs need to start."""
    links: list[tuple[str, str]] = []
    shown: list[tuple[str, str]] = [(str(root / "usr"), "/usr")]
    for name in _ROOT_LINKS:
        place = root / name
        if place.is_symlink():
            links.append((str(place.readlink()), f"/{name}"))
        elif place.is_dir():
            shown.append((str(place), f"/{name}"))
    shown += [(str(root / "etc" / name), f"/etc/{name}") for name in _ETC if (root / "etc" / name).exists()]
    # A link there would lead elsewhere below /usr, or to nothing that is shown.
    hidden = tuple(f"/{name}" for name in _HIDDEN if (root / name).is_dir() and not (root / name).is_symlink())
    return Host(tuple(links), tuple(shown), hidden)


def of_tooling(tooling: Path) -> tuple[tuple[str, str], ...]:
    """Return the host paths outside /usr that links in `tooling/bin` lead to, each shown where the link says.

    For a `python*` link that is the interpreter's whole base prefix, which holds its standard library.
    Raises SandboxUnavailable for a link that leads nowhere, or to a place too wide to show.
    """
    shown: dict[str, str] = {}
    binaries = tooling / "bin"
    entries = sorted(binaries.iterdir()) if binaries.is_dir() else []
    for number, link in enumerate(entries):
        if not link.is_symlink():
            continue
        named = Path(_join(link.parent, link.readlink()))
        real = link.resolve()
        if not real.is_file() or number > _MANY:
            raise SandboxUnavailable(
                f"{link} leads to {named}, which is not there: install it and build the tooling again", reason="tooling"
            )
        if named.is_relative_to(tooling) and real.is_relative_to(tooling):
            continue
        if not _in_system(real):
            source = real.parent.parent if link.name.startswith("python") else real
            if _too_wide(source, tooling):
                raise SandboxUnavailable(
                    f"{link} leads to {real}: showing {source} would show too much; use an interpreter below a prefix "
                    "of its own",
                    reason="tooling",
                )
            shown[str(source)] = str(source)
        if not _in_system(named) and not any(named.is_relative_to(place) for place in shown):
            shown[str(named)] = str(real)
    return tuple((source, destination) for destination, source in shown.items())


def _too_wide(source: Path, tooling: Path) -> bool:
    """Return whether showing `source` would show somebody's home, or what Bellhop itself keeps, beside a program."""
    homes = {Path(entry.pw_dir) for entry in pwd.getpwall()}
    return len(source.parts) < 3 or any(place.is_relative_to(source) for place in (*homes, tooling, tooling.resolve()))


def _in_system(path: Path) -> bool:
    return path.is_relative_to("/usr") or (len(path.parts) > 1 and path.parts[1] in _ROOT_LINKS)


def _join(base: Path, target: Path) -> Path:
    return target if target.is_absolute() else base / target
