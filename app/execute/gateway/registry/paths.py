"""Which paths of a registry may be asked for: one grammar per kind, decided on the bytes as they came.

Escapes are decoded once, and only those that stand for a plain character of a file's name; what is decided on is what the
upstream is asked for, written anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, NamedTuple
from urllib.parse import quote, urlsplit

from app.core.sandbox.registry import Registry

PATH_BYTES = 1024
# What is never an escape here: a slash, a dot, a backslash, a percent sign, a control character, anything not ASCII.
_SEGMENT = re.compile(rb"(?:[A-Za-z0-9_~+!@:=,()-]|%(?:2[bB]|7[eE]|3[aA]|21|40|3[dD])|(?!^)\.|%5[fF])+")
_SCOPED = re.compile(rb"(@[A-Za-z0-9._~-]+)%2[fF]")

# page: metadata that is read and rewritten; list: metadata that passes as it is; file: an artifact; crate: one behind `dl`.
What = Literal["page", "list", "file", "crate"]


class Wanted(NamedTuple):
    """One thing to read: `path` is below the registry's address number `address`; `stated` is the digest that the path itself names."""

    what: What
    path: str
    address: int = 0
    stated: tuple[str, str] | None = None


def admit(registry: Registry, rest: bytes) -> Wanted | None:
    """Return what the path after `/registry/<name>/` stands for at a registry, or None when it is not allowed."""
    path = plain(rest, scoped=registry.kind == "npm")
    return None if path is None else _KINDS[registry.kind](registry, path)


def plain(raw: bytes, *, scoped: bool = False) -> str | None:
    """Return the path decoded, or None when any of it could be read in two ways; `scoped` takes npm's `@scope%2fname`."""
    if len(raw) > PATH_BYTES:
        return None
    if scoped and (found := _SCOPED.match(raw)):
        raw = found[1] + b"/" + raw[found.end():]
    segments = raw.removesuffix(b"/").split(b"/")
    if any(_SEGMENT.fullmatch(segment) is None for segment in segments):
        return None
    return re.sub(rb"%(..)", lambda escape: bytes.fromhex(escape[1].decode()), raw).decode("ascii")


def written(path: str) -> str:
    """Return a decoded path as it is written in an address."""
    # A plain `+` is a space to some stores of files.
    return quote(path, safe="/~!@=,()")


def _pypi(_registry: Registry, path: str) -> Wanted | None:
    """What https://packaging.python.org/en/latest/specifications/simple-repository-api/ lets a reader ask for."""
    if found := re.fullmatch(r"simple/([A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?)/?", path):
        return Wanted("page", f"{found[1]}/")
    return _file(path, "files/", r"\.(?:whl|tar\.gz|tar\.bz2|tar\.xz|tgz|zip|egg)(?:\.metadata)?")


_NPM_NAME = r"(?:@[A-Za-z0-9~][A-Za-z0-9._~-]{0,100}/)?[A-Za-z0-9~][A-Za-z0-9._~-]{0,213}"


_NPM_TARBALL = rf"{_NPM_NAME}/-/(?:@[A-Za-z0-9._~-]+/)?[A-Za-z0-9~_][A-Za-z0-9._~+-]*\.t(?:ar\.)?gz"


def _npm(registry: Registry, path: str) -> Wanted | None:
    """What https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md lets a reader ask for."""
    # Where npm itself puts the door's host in place of the registry's, it keeps the registry's own path.
    own = urlsplit(registry.url).path.lstrip("/")
    for tarball in (path, path.removeprefix(own)):
        if re.fullmatch(_NPM_TARBALL, tarball):
            return Wanted("file", written(tarball))
    if found := re.fullmatch(rf"({_NPM_NAME})(/[A-Za-z0-9][A-Za-z0-9._+-]{{0,100}})?", path):
        return Wanted("page", found[1].replace("/", "%2f") + written(found[2] or ""))
    return _file(path, "-/files/", r"\.t(?:ar\.)?gz") or _file(path, "-/files/", r"", rf"download/{_NPM_NAME}/[^/]+/[0-9a-f]{{40,128}}")


def _debian(registry: Registry, path: str) -> Wanted | None:
    """What https://wiki.debian.org/DebianRepository/Format lets a reader ask for."""
    if re.fullmatch(r"pool/(?:[^/]+/)+[^/]+\.(?:deb|udeb|ddeb|dsc|asc|(?:tar|diff)\.(?:gz|xz|bz2|zst))", path):
        return Wanted("file", written(path))
    if not any(path.startswith(f"dists/{suite}/") for suite in registry.suites) or path.endswith("/"):
        return None
    if found := re.search(r"/by-hash/(SHA256/[0-9a-f]{64}|SHA512/[0-9a-f]{128})$", path):
        algorithm, _, digest = found[1].partition("/")
        return Wanted("file", written(path), stated=(algorithm.lower(), digest))
    return Wanted("list", written(path))


def _crates(_registry: Registry, path: str) -> Wanted | None:
    """What https://doc.rust-lang.org/cargo/reference/registry-index.html lets a reader ask for."""
    if path == "index/config.json":
        return Wanted("page", "config.json")
    if found := re.fullmatch(r"index/([a-z0-9_/-]+/)([a-z0-9][a-z0-9_-]{0,63})", path):
        return Wanted("page", found[1] + found[2]) if found[1] == f"{crate_prefix(found[2])}/" else None
    if found := re.fullmatch(r"crates/([A-Za-z0-9][A-Za-z0-9_-]{0,63})/([0-9][A-Za-z0-9.+-]{0,99})/download", path):
        return Wanted("crate", f"{found[1]}/{found[2]}")
    return None


def crate_prefix(name: str) -> str:
    """Return the directory of a crate in its index."""
    return {1: "1", 2: "2", 3: f"3/{name[0]}"}.get(len(name), f"{name[:2]}/{name[2:4]}")


_MODULE = r"[a-z0-9!_~-][a-z0-9!._~-]*(?:/[a-z0-9!_~-][a-z0-9!._~+-]*)*"
_VERSION = r"v[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z!.-]+)?(?:\+incompatible)?"


def _go(_registry: Registry, path: str) -> Wanted | None:
    """What https://go.dev/ref/mod#goproxy-protocol lets a reader ask for."""
    if re.fullmatch(rf"{_MODULE}/@v/{_VERSION}\.(?:mod|zip)", path):
        return Wanted("file", written(path))
    asked = rf"{_MODULE}/(?:@latest|@v/list|@v/[A-Za-z0-9._~!+-]{{1,100}}\.(?:info|mod))"
    checksums = (
        rf"sumdb/[a-z0-9.-]+/(?:supported|latest|lookup/{_MODULE}@{_VERSION}"
        r"|tile/[0-9]+/(?:data|[0-9]+)/(?:x[0-9]{3}/)*[0-9]{3}(?:\.p/[0-9]+)?)"
    )
    return Wanted("list", written(path)) if re.fullmatch(f"{asked}|{checksums}", path) else None


def _file(path: str, prefix: str, suffix: str, below: str = r"(?:[^/]+/)*[^/]+") -> Wanted | None:
    found = re.fullmatch(rf"{prefix}([0-9])/({below}{suffix})", path)
    return Wanted("file", written(found[2]), int(found[1])) if found else None


_KINDS: dict[str, Callable[[Registry, str], Wanted | None]] = {
    "pypi": _pypi, "npm": _npm, "debian": _debian, "crates": _crates, "go": _go,
}
