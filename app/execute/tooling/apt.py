"""Debian packages by the ordinary apt client: which ones, and their files on this host's disk.

apt checks every package against its signed index; the SHA-256 that the index states is checked again here,
and is the name under which the package is kept, so that a second build needs no network.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from pathlib import Path

from app.core.noun import Noun
from app.errors import ToolingError
from app.execute.tooling.programs import run

RESOLVE_SECONDS = 120.0
DOWNLOAD_SECONDS = 600.0

INST_LINE = re.compile(r"^Inst (?P<name>[a-z0-9][a-z0-9+.-]*)(?::\w+)? \((?P<version>\S+) ")
URI_LINE = re.compile(r"^'[^']*' (?P<file>\S+) \d+ SHA256:(?P<sha256>[0-9a-f]{64})$")


class Package(Noun):
    """One package as apt's signed index states it."""

    name: str
    version: str
    sha256: str


def closure(roots: tuple[str, ...], options: tuple[str, ...] = ()) -> dict[str, str]:
    """Return name -> version of `roots` and all they depend on, as if nothing were installed here.

    So the answer is the same on every host with the same package index. Raises ToolingError `packages`.
    """
    argv = (
        *apt(options), "-o", "Dir::State::status=/dev/null", "-o", "APT::Architecture=amd64", "-o", "APT::Architectures=amd64",
        "--simulate", "--no-install-recommends", "install", *roots,
    )
    lines = run(argv, timeout_seconds=RESOLVE_SECONDS).decode().splitlines()
    found = {match["name"]: match["version"] for line in lines if (match := INST_LINE.match(line))}
    missing = set(roots) - set(found)
    if missing:
        raise ToolingError(f"apt found no {', '.join(sorted(missing))}: run `apt-get update` and try again", reason="packages")
    return found


def checksums(versions: dict[str, str], options: tuple[str, ...] = ()) -> list[Package]:
    """Return the packages with their SHA-256 from the signed index, sorted by name. Raises ToolingError `packages`."""
    argv = (*apt(options), "download", "--print-uris", *(f"{name}={version}" for name, version in sorted(versions.items())))
    packages = []
    for line in run(argv, timeout_seconds=RESOLVE_SECONDS).decode().splitlines():
        if match := URI_LINE.match(line):
            name = match["file"].partition("_")[0]
            packages.append(Package(name=name, version=versions[name], sha256=match["sha256"]))
    without = set(versions) - {package.name for package in packages}
    if without:
        raise ToolingError(
            f"apt's index states no SHA-256 for {', '.join(sorted(without))}: Bellhop does not take unchecked packages",
            reason="packages",
        )
    return sorted(packages, key=lambda package: package.name)


def fetch(packages: list[Package], cache: Path, options: tuple[str, ...] = ()) -> dict[str, Path]:
    """Return name -> .deb file, downloading what `cache` does not hold yet. Raises ToolingError `packages`, `checksum`."""
    cache.mkdir(parents=True, exist_ok=True)
    kept = {package.name: cache / f"{package.sha256}.deb" for package in packages}
    missing = [package for package in packages if not kept[package.name].exists()]
    if missing:
        with tempfile.TemporaryDirectory(dir=cache, prefix="download-") as name:
            fresh = Path(name)
            # As root apt wants to drop to its own user, which cannot write into a private directory.
            argv = (*apt(options), "-o", "APT::Sandbox::User=root", "download", *(f"{p.name}={p.version}" for p in missing))
            run(argv, timeout_seconds=DOWNLOAD_SECONDS, cwd=fresh)
            by_name = {file.name.partition("_")[0]: file for file in fresh.glob("*.deb")}
            for package in missing:
                if package.name not in by_name:
                    raise ToolingError(f"apt downloaded no file for {package.name}", reason="packages", retryable=True)
                shutil.move(by_name[package.name], kept[package.name])
    for package in packages:
        check(kept[package.name], package)
    return kept


def check(file: Path, package: Package) -> None:
    """Compare a file with what the signed index says of it; one that differs is removed. Raises ToolingError `checksum`."""
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != package.sha256:
        file.unlink()
        raise ToolingError(
            f"{package.name} {package.version} has SHA-256 {found}, its signed index says {package.sha256}: "
            "the file was removed, try again",
            reason="checksum", retryable=True,
        )


def update(state: Path) -> tuple[str, ...]:
    """Fetch the package index into `state` (never into the host's own) and return the options that make apt read it.

    For hosts whose own index is missing or old; needs no root. One source that fails leaves the others usable.
    """
    (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (state / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    options = ("-o", f"Dir::State={state}", "-o", f"Dir::Cache={state / 'cache'}", "-o", "APT::Sandbox::User=root")
    run((*apt(options), "-o", "APT::Update::Post-Invoke-Success=", "-o", "APT::Update::Post-Invoke=", "update"),
        timeout_seconds=DOWNLOAD_SECONDS)
    return options


def apt(options: tuple[str, ...]) -> tuple[str, ...]:
    """Return the beginning of an apt-get command line whose output is in English and asks nothing."""
    return ("env", "LC_ALL=C", "apt-get", "--quiet", "--assume-yes", *options)
