"""A part of the tooling beside the base: what its TOML file says, as a noun.

One file per part, `<name>.toml`; the part is shown at `/agent-<name>` (places.part).
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, ValidationError

from app.core.noun import Noun
from app.errors import ToolingError
from app.execute.tooling.manifest import Take

PARTS_DIR = Path(__file__).parent

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
CHECKSUM = re.compile(r"sha512-[A-Za-z0-9+/]{86}==|sha256:[0-9a-f]{64}")


def _checksum(text: str) -> str:
    if not CHECKSUM.fullmatch(text):
        raise ValueError("must be npm's `sha512-<base64>`, or `sha256:<64 hex digits>`")
    return text


class PartTake(Take):
    """Files of the part's one package, by their paths in its archive."""

    package: str = "*"


class Part(Noun):
    """`text` is the file's own, of which the part's key is made; `needs` names other parts.

    `suffix` ends the version in the registry (an npm package may hold one version per platform); `programs` are
    small scripts to write, path -> text.
    """

    name: str
    text: str
    version: str
    suffix: str = ""
    source: Literal["npm", "pypi"]
    package: str
    checksum: Annotated[str, AfterValidator(_checksum)]
    licence: str
    needs: tuple[str, ...] = ()
    take: tuple[PartTake, ...]
    programs: dict[str, str] = {}

    @property
    def full_version(self) -> str:
        """The version as the registry knows it."""
        return self.version + self.suffix

    def destination(self, path: str) -> str | None:
        """Return where a file of the package goes in the part's tree, or None when it is not taken."""
        return next((place for take in self.take if (place := take.destination(path)) is not None), None)


def names(directory: Path = PARTS_DIR) -> list[str]:
    """Return the names of all parts there are, sorted."""
    return sorted(file.stem for file in directory.glob("*.toml"))


def load(name: str, directory: Path = PARTS_DIR) -> Part:
    """Read one part. Raises ToolingError `part`: there is none of this name, or its file is wrong."""
    file = directory / f"{name}.toml"
    if not NAME.fullmatch(name) or not file.is_file():
        raise ToolingError(f"the tooling has no part `{name}`, only {', '.join(names(directory))}", reason="part")
    return parse(name, file.read_text(encoding="utf-8"))


def parse(name: str, text: str) -> Part:
    """Return the part that a file's text describes. Raises ToolingError `part`."""
    try:
        stated = tomllib.loads(text)
        version = str(stated.get("version", ""))
        for take in stated.get("take", ()):
            take["under"] = take["under"].replace("{version}", version)
        return Part.model_validate({**stated, "name": name, "text": text})
    except (tomllib.TOMLDecodeError, ValidationError, KeyError, TypeError, AttributeError) as error:
        raise ToolingError(f"the part `{name}`'s file is not right: {error}", reason="part") from error


def closure(wanted: tuple[str, ...], directory: Path = PARTS_DIR) -> list[Part]:
    """Return the parts of these names and all that they need, each once, sorted by name. Raises ToolingError `part`."""
    found: dict[str, Part] = {}
    queue = list(wanted)
    while queue:
        name = queue.pop()
        if name not in found:
            found[name] = load(name, directory)
            queue += found[name].needs
    return [found[name] for name in sorted(found)]
