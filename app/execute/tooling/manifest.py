"""The list of parts: what `manifest.toml` says, as a noun."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

from app.core.noun import Noun

MANIFEST_FILE = Path(__file__).with_name("manifest.toml")


class Take(Noun):
    """Files to copy: those of the packages matching `package` below `under` go to `to`.

    `keep` and `drop` are globs over the path below `under`; a `*` also crosses slashes.
    """

    package: str
    under: str
    to: str
    keep: tuple[str, ...] = ("*",)
    drop: tuple[str, ...] = ()

    def destination(self, path: str) -> str | None:
        """Return where the package's file `path` goes in the tree, or None when it is not taken."""
        if not path.startswith(self.under + "/"):
            return None
        below = path.removeprefix(self.under + "/")
        if not matches(below, self.keep) or matches(below, self.drop):
            return None
        return f"{self.to}/{below}" if self.to else below


class Manifest(Noun):
    """All parts of the tree; `for_python` fills in the interpreter's name before anything is taken."""

    roots: tuple[str, ...]
    libraries: tuple[str, ...]
    no_libraries: tuple[str, ...]
    dlopened: tuple[str, ...]
    links: dict[str, str]
    take: tuple[Take, ...]

    def for_python(self, python: str) -> Manifest:
        """Return the manifest with `{python}` replaced by, say, `python3.11`."""
        return Manifest.model_validate_json(self.model_dump_json().replace("{python}", python))

    def wants(self, package: str) -> bool:
        """Return whether a package of the closure is worth downloading."""
        if any(fnmatchcase(package, take.package) for take in self.take) or package == "ca-certificates":
            return True
        return matches(package, self.libraries) and not matches(package, self.no_libraries)


def matches(name: str, globs: tuple[str, ...]) -> bool:
    """Return whether any of the globs fits the whole name, case and all."""
    return any(fnmatchcase(name, glob) for glob in globs)


def load(file: Path = MANIFEST_FILE) -> Manifest:
    """Read the manifest. Raises OSError, and pydantic's ValidationError for a key it does not know."""
    return Manifest.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
