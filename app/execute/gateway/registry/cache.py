"""What registries' files are kept of, by content, within a bound.

    files/<aa>/<sha256>          the bytes
    names/<aa>/<sha256>          of `<registry>\\n<upstream address>`: their digests and size
    partial/                     what is on its way

Both kinds are moved into place once they are whole. Nothing here comes from a sandbox but the choice of what is asked for: a name
leads to what the registry itself sent for it. The time of a file's last use decides what goes first.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

ALGORITHMS = ("sha256", "sha512", "sha1")
_MADE_ROOM = 0.9
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Kept(NamedTuple):
    """One file of the cache."""

    path: Path
    size: int
    sha256: str


class Cache:
    """The files below `directory`, at most `limit_bytes` together; 0 keeps nothing."""

    def __init__(self, directory: Path, limit_bytes: int) -> None:
        self._files = directory / "files"
        self._names = directory / "names"
        self._partial = directory / "partial"
        self._root = directory
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self.size_bytes = 0

    def prepare(self) -> None:
        """Make the directories, drop what was on its way when the last gateway ended, and see how much there is."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._root.chmod(0o700)
        shutil.rmtree(self._partial, ignore_errors=True)
        for directory in (self._files, self._names, self._partial):
            directory.mkdir(exist_ok=True)
        with self._lock:
            self.size_bytes = sum(size for _, size, _ in self._all())
            self._make_room()

    def begin(self) -> tuple[int, Path]:
        """Return an open file for something that is on its way, and its path."""
        handle, path = tempfile.mkstemp(dir=self._partial)
        return handle, Path(path)

    def find(self, registry: str, url: str, stated: tuple[str, str] | None) -> Kept | None:
        """Return the file of an upstream address; one that is not what is `stated` of it now is dropped."""
        name = self._name(registry, url)
        try:
            known = json.loads(name.read_bytes())
            if _SHA256.fullmatch(known["sha256"]) is None:
                return None
            kept = Kept(self._file(known["sha256"]), known["size"], known["sha256"])
            good = kept.path.stat().st_size == kept.size
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if not good or (stated is not None and known.get(stated[0]) != stated[1]):
            self.drop(registry, url)
            return None
        with suppress(FileNotFoundError):
            # Room may be made at this very moment: whoever opens it sees that it is gone.
            os.utime(kept.path)
        return kept

    def keep(self, partial: Path, registry: str, url: str, digests: Mapping[str, str], size: int) -> bool:
        """Take what has come whole and verified as the file of an upstream address; False for what is too large. Raises OSError."""
        if size > self._limit_bytes:
            partial.unlink()
            return False
        file, name = self._file(digests["sha256"]), self._name(registry, url)
        note = json.dumps({**digests, "size": size, "registry": registry, "url": url})
        with self._lock:
            file.parent.mkdir(exist_ok=True)
            name.parent.mkdir(exist_ok=True)
            before = file.stat().st_size if file.exists() else 0
            partial.replace(file)
            self.size_bytes += size - before
            handle, written = tempfile.mkstemp(dir=self._partial)
            with os.fdopen(handle, "w") as out:
                out.write(note)
            Path(written).replace(name)
            self._make_room()
        return True

    def drop(self, registry: str, url: str) -> None:
        """Forget the file of an upstream address."""
        self._name(registry, url).unlink(missing_ok=True)

    def spoiled(self, kept: Kept) -> None:
        """Remove a file whose bytes are no longer what their name says."""
        with self._lock:
            if kept.path.exists():
                kept.path.unlink()
                self.size_bytes -= kept.size

    def _make_room(self) -> None:
        if self.size_bytes <= self._limit_bytes:
            return
        for _, size, path in sorted(self._all()):
            if self.size_bytes <= self._limit_bytes * _MADE_ROOM:
                break
            path.unlink()
            self.size_bytes -= size
        for name in self._names.glob("*/*"):
            try:
                there = self._file(json.loads(name.read_bytes())["sha256"]).exists()
            except (OSError, ValueError, KeyError, TypeError):
                there = False
            if not there:
                name.unlink(missing_ok=True)

    def _all(self) -> list[tuple[float, int, Path]]:
        found = [(path.stat(), path) for path in self._files.glob("*/*")]
        return [(stat.st_mtime, stat.st_size, path) for stat, path in found]

    def _file(self, sha256: str) -> Path:
        return self._files / sha256[:2] / sha256

    def _name(self, registry: str, url: str) -> Path:
        digest = hashlib.sha256(f"{registry}\n{url}".encode()).hexdigest()
        return self._names / digest[:2] / digest
