"""Locking a part anew: the newest version that its registry has, built once before its file says so."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path

from app.core.noun import Noun
from app.errors import ToolingError
from app.execute.tooling.parts import fetch
from app.execute.tooling.parts.build import TOOLS_DIR, part_tree
from app.execute.tooling.parts.part import PARTS_DIR, Part, load, parse
from app.execute.tooling.programs import run
from app.execute.tooling.wheels import PIP_SECONDS, pip, platforms


class Locked(Noun):
    """A part before and after; they are equal when there is nothing newer."""

    before: Part
    after: Part


def lock(name: str, state_dir: Path, directory: Path = PARTS_DIR) -> Locked:
    """Write the newest version and its checksum into the part's file, once the part has been built of it.

    A tool of the building (`patchelf`) has a file too. Raises ToolingError: `part` (there is none of this name, or the
    new version's layout is another), `read_only` (the file may not be written), and those of fetching.
    """
    home = directory if (directory / f"{name}.toml").is_file() or not (TOOLS_DIR / f"{name}.toml").is_file() else TOOLS_DIR
    before = load(name, home)
    after = newest(before, state_dir / "tooling" / "parts")
    if after.text != before.text:
        if home == directory:
            part_tree(state_dir, after, relocated=True)
        try:
            (home / f"{name}.toml").write_text(after.text, encoding="utf-8")
        except OSError as error:
            raise ToolingError(
                f"{home / name}.toml cannot be written ({error.strerror}): lock in a checkout of Bellhop, and install from there. The newest "
                f"{before.package} is {after.full_version}, {after.checksum}",
                reason="read_only",
            ) from error
    return Locked(before=before, after=after)


def newest(part: Part, home: Path) -> Part:
    """Return the part as it would be with the newest version; the package is kept in `home`. Raises ToolingError."""
    cache = home / "packages"
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="download-") as name:
        fresh = Path(name)
        if part.source == "npm":
            version = newest_npm(part, home)
            fetch.packed(f"{part.package}@{version}{part.suffix}", home, fresh)
        else:
            run(
                (*pip(), "download", "--dest", str(fresh), "--no-deps", "--only-binary=:all:", *platforms(fetch.PYTHON_VERSION), part.package),
                timeout_seconds=PIP_SECONDS,
            )
            # https://packaging.python.org/en/latest/specifications/binary-distribution-format/#file-name-convention
            version = fetch.only_file(fresh).name.split("-")[1]
        package = fetch.only_file(fresh)
        after = rewritten(part, version, fetch.checksum(package, part.checksum))
        shutil.move(package, cache / fetch.kept_name(after))
    return after


def newest_npm(part: Part, home: Path) -> str:
    """Return the version that the registry calls the latest. Raises ToolingError."""
    said = run((*fetch.npm_command(home), "view", "--json", f"{part.package}@latest", "version"), timeout_seconds=PIP_SECONDS)
    try:
        version = json.loads(said)
    except ValueError:
        version = None
    if not isinstance(version, str) or not re.fullmatch(r"[0-9A-Za-z.+-]{1,60}", version):
        raise ToolingError(f"npm names no latest version of {part.package}", reason="packages", retryable=True)
    return version


def rewritten(part: Part, version: str, checksum: str) -> Part:
    """Return the part with another version and checksum in its file; all else there stays, comments too."""
    text = re.sub(r'^version = ".*"$', f'version = "{version}"', part.text, count=1, flags=re.MULTILINE)
    text = re.sub(r'^checksum = ".*"$', f'checksum = "{checksum}"', text, count=1, flags=re.MULTILINE)
    found = parse(part.name, text)
    if (found.version, found.checksum) != (version, checksum):
        raise ToolingError(f"the part `{part.name}`'s file holds no plain `version` and `checksum` line", reason="part")
    return found
