"""A part's package on this host's disk: fetched by the registry's ordinary client, its checksum compared by us."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import tempfile
from pathlib import Path

from app.errors import ToolingError
from app.execute.tooling import wheels
from app.execute.tooling.parts import npm
from app.execute.tooling.parts.part import Part, load
from app.execute.tooling.programs import run

NPM_SECONDS = 900.0
# Any that reads the tag `py3` will do: the packages here hold programs, not Python.
PYTHON_VERSION = "3.11"

NPM_CODE = re.compile(r"npm (?:error|ERR!) code (\w+)")
# npm's own codes for a package and for a version that the registry does not have.
NPM_GONE = ("E404", "ETARGET")
PIP_KNOWS_OTHERS = re.compile(r"\(from versions: (?!none)")


def fetched(part: Part, home: Path) -> Path:
    """Return the part's package as a file, downloading it when `home` does not hold it yet.

    Raises ToolingError: `vanished` (the registry has that version no more), `checksum`, and those of `programs.run`.
    """
    cache = home / "packages"
    cache.mkdir(parents=True, exist_ok=True)
    kept = cache / kept_name(part)
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=cache, prefix="download-") as name:
            downloaded(part, home, Path(name)).rename(kept)
    found = checksum(kept, part.checksum)
    if found != part.checksum:
        kept.unlink()
        raise ToolingError(
            f"{part.package} {part.full_version} has the checksum {found}, the part `{part.name}` says {part.checksum}: the file "
            f"was removed. If it was not the network, the package was changed after it was published: look why before you take "
            f"what is there now with `bellhop sidecar lock {part.name}`",
            reason="checksum",
        )
    return kept


def downloaded(part: Part, home: Path, fresh: Path) -> Path:
    """Return the one file that the registry's client puts into the empty directory `fresh`, its checksum not looked at."""
    try:
        if part.source == "npm":
            packed(f"{part.package}@{part.full_version}", home, fresh)
        else:
            # pip compares the hash as well.
            algorithm, _, digest = part.checksum.partition(":")
            (wheel,) = wheels.fetch(f"{part.package}=={part.full_version} --hash={algorithm}:{digest}\n", fresh, PYTHON_VERSION)
            return wheel
    except ToolingError as error:
        raise explained(part, error) from error
    return only_file(fresh)


def packed(wanted: str, home: Path, fresh: Path) -> None:
    """Let npm put the archive of `package@version` into `fresh`; nothing of the package is run, or kept elsewhere."""
    run(
        (*npm_command(home), "pack", "--ignore-scripts", "--cache", str(fresh / "cache"), "--pack-destination", str(fresh), wanted),
        timeout_seconds=NPM_SECONDS, cwd=fresh,
    )
    shutil.rmtree(fresh / "cache", ignore_errors=True)


def npm_command(home: Path) -> tuple[str, ...]:
    """Return the beginning of an npm command line. A host without npm needs none: the part `node`'s package holds one."""
    return npm.on_host() or npm.brought(fetched(load("node"), home), home)


def only_file(directory: Path) -> Path:
    """Return the one package that a client has left in a directory. Raises ToolingError `packages`."""
    found = [path for path in directory.iterdir() if path.suffix in (".tgz", ".whl")]
    if len(found) != 1:
        raise ToolingError(f"expected one package, the client left {sorted(path.name for path in found)}", reason="packages")
    return found[0]


def explained(part: Part, error: ToolingError) -> ToolingError:
    """Return the error with what to do: a version that is gone is not a network that is down."""
    said = str(error)
    code = NPM_CODE.search(said)
    if (code is not None and code[1] in NPM_GONE) or PIP_KNOWS_OTHERS.search(said):
        return ToolingError(
            f"the registry has no {part.package} {part.full_version} any more: run `bellhop sidecar lock {part.name}`, which takes "
            "the newest one and writes down its checksum",
            reason="vanished",
        )
    return ToolingError(
        f"{part.package} {part.full_version} could not be fetched: see that this host reaches its package registry, as "
        f"{part.source}'s own settings name it. Where the version is gone from it, run `bellhop sidecar lock {part.name}` ({said})",
        reason=error.reason, retryable=True,
    )


def kept_name(part: Part) -> str:
    """Return the name under which the part's package is kept: by its checksum."""
    return f"{hexadecimal(part.checksum)}.{'tgz' if part.source == 'npm' else 'whl'}"


def checksum(file: Path, like: str) -> str:
    """Return a file's checksum, written as `like` is."""
    algorithm = like[:6]
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, algorithm).digest()
    return f"sha512-{base64.b64encode(digest).decode()}" if algorithm == "sha512" else f"sha256:{digest.hex()}"


def hexadecimal(text: str) -> str:
    """Return a checksum's hex digits."""
    return base64.b64decode(text[7:]).hex() if text.startswith("sha512-") else text[7:]
