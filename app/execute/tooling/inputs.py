"""What a tree is made from on this host: the sidecar's sources, read once, and a key over all local inputs."""

from __future__ import annotations

import hashlib
from pathlib import Path

from app.core.noun import Noun
from app.errors import ToolingError

SIDECAR = Path(__file__).resolve().parents[3] / "sidecar"
PARTS = ("runner", "mini", "acp_driver")


class Inputs(Noun):
    """The sidecar at one moment: path in the tree -> content, and the text of its hashed requirements.

    Key and tree are made from the same bytes, so an edit between the two cannot give a key another content.
    """

    sources: dict[str, bytes]
    requirements: str

    def key(self, *more: str) -> str:
        """Return a digest (16 hex digits) of these, of this package's code and manifest, and of `more`."""
        whole = hashlib.sha256()
        for name, data in sorted((own_files() | self.sources | {"requirements.txt": self.requirements.encode()}).items()):
            whole.update(f"{name} {len(data)}\n".encode() + data)
        for word in more:
            whole.update(f"{word}\n".encode())
        return whole.hexdigest()[:16]


def own_files() -> dict[str, bytes]:
    """Return this package's code and manifest; what is below `parts/` decides over no base."""
    return {file.name: file.read_bytes() for file in Path(__file__).parent.iterdir() if file.suffix in (".py", ".toml")}


def read(sidecar: Path = SIDECAR) -> Inputs:
    """Read the programs of the sidecar, without caches and hidden files. Raises ToolingError `sidecar` when a part is missing."""
    sources = {}
    for part in PARTS:
        files = [file for file in sorted((sidecar / part).rglob("*")) if file.is_file() and taken(file.relative_to(sidecar))]
        if not files:
            raise ToolingError(f"{sidecar / part} is missing or empty: this checkout of Bellhop is not whole", reason="sidecar")
        sources.update({f"lib/bellhop/{file.relative_to(sidecar).as_posix()}": file.read_bytes() for file in files})
    return Inputs(sources=sources, requirements=(sidecar / "requirements.txt").read_text(encoding="utf-8"))


def taken(path: Path) -> bool:
    """Return whether a source file belongs in the tree."""
    return "__pycache__" not in path.parts and not any(part.startswith(".") for part in path.parts)
