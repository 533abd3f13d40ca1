"""Where this host keeps its live credentials, so that what a killed process held can still be taken back.

One file for each, below a directory of 0700: `<fingerprint>.json`, 0600, there before the token is used and gone once it
is revoked. Whoever minted it holds the file's lock; the kernel lets go of that when its process dies, however it dies. A
token that was handed to a sandbox's door belongs to that sandbox instead, and has no lock. No sandbox sees the directory.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import structlog
from pydantic import SecretStr, ValidationError

from app.core.grant import Credential, Grant
from app.errors import ConfigurationError

log = structlog.get_logger()

_ID = re.compile(r"[a-z]{2,8}-[0-9a-f]{1,64}")
# Writing one takes far less; an unfinished file that is older was left by a process that died over it.
_UNFINISHED_SECONDS = 60.0


class Kept(NamedTuple):
    """A credential on file; `sandbox_id` is empty where it belongs to whoever minted it."""

    credential: Credential
    sandbox_id: str


class Vault:
    """The credentials of one host, in `directory`; safe to share between threads, and between processes."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._held: dict[str, int] = {}
        self._mutex = threading.Lock()

    def keep(self, credential: Credential) -> None:
        """Put a credential on file as this process's own. Raises OSError, ConfigurationError."""
        descriptor = self._write(credential, "")
        with self._mutex:
            self._held[credential.id] = descriptor

    def entrust(self, credential: Credential, sandbox_id: str) -> None:
        """Note that a credential on file belongs to a sandbox from now on. Raises OSError, ConfigurationError."""
        os.close(self._write(credential, sandbox_id))
        self.release(credential.id)

    def release(self, credential_id: str) -> None:
        """Let go of a credential that could not be revoked; it stays on file for whoever sweeps."""
        with self._mutex:
            descriptor = self._held.pop(credential_id, None)
        if descriptor is not None:
            os.close(descriptor)

    def forget(self, credential_id: str) -> None:
        """Take a credential that is revoked off file; one that is not there is no error."""
        path = self._path(credential_id)
        for each in (path, *self._directory.glob(f"{path.name}.*")):
            each.unlink(missing_ok=True)
        self.release(credential_id)

    def of_sandbox(self, sandbox_id: str) -> list[Credential]:
        """Return the credentials that belong to a sandbox."""
        found = (_read(path) for path in self._files())
        return [kept.credential for kept in found if kept is not None and kept.sandbox_id == sandbox_id]

    def left(self) -> Iterator[Kept]:
        """Yield each credential that belongs to a sandbox, and each whose owner is dead.

        While one is yielded its lock is held, so that two sweepers never have the same.
        """
        for path in self._files():
            with _own(path) as is_ours:
                kept = _read(path) if is_ours else None
                if kept is not None:
                    yield kept
                elif is_ours and path.exists():
                    log.warning("credential_file_unreadable", path=str(path))
                    path.unlink(missing_ok=True)

    @contextmanager
    def handing_over(self, sandbox_id: str) -> Iterator[None]:
        """Hold one sandbox's hand-over for the block, against every other process of this host."""
        self._prepare()
        # A fixed number of files, because a lock's file must never be removed.
        number = sum(sandbox_id.encode()) % 16
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._directory / f"lock-{number}", flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _files(self) -> list[Path]:
        now = time.time()
        found = []
        for path in sorted(self._directory.glob("*.json*")):
            try:
                if path.suffix == ".json" or now - path.lstat().st_mtime > _UNFINISHED_SECONDS:
                    found.append(path)
            except FileNotFoundError:
                continue
        return found

    def _write(self, credential: Credential, sandbox_id: str) -> int:
        """Put it on file, locked from its first moment, and return the descriptor that holds the lock."""
        self._prepare()
        path = self._path(credential.id)
        growing = path.with_name(f"{path.name}.{os.urandom(4).hex()}")
        said = {
            "token": credential.token.get_secret_value(), "expires_at": credential.expires_at, "sandbox_id": sandbox_id,
            "grant": credential.grant.model_dump(mode="json"),
        }
        descriptor = os.open(growing, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with os.fdopen(os.dup(descriptor), "w", encoding="utf-8") as file:
                json.dump(said, file)
            growing.rename(path)
        except OSError:
            os.close(descriptor)
            growing.unlink(missing_ok=True)
            raise
        return descriptor

    def _prepare(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self._directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise ConfigurationError(
                f"{self._directory} holds live credentials and must be this user's alone: "
                f"run `chown {os.geteuid()} {self._directory} && chmod 700 {self._directory}`"
            )

    def _path(self, credential_id: str) -> Path:
        if _ID.fullmatch(credential_id) is None:
            raise ValueError(f"{credential_id[:80]!r} is no fingerprint of a credential")
        return self._directory / f"{credential_id}.json"


def _read(path: Path) -> Kept | None:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        credential = Credential(
            id=path.name.partition(".")[0], grant=Grant.model_validate(said["grant"]), token=SecretStr(said["token"]),
            expires_at=said["expires_at"],
        )
        return Kept(credential, str(said["sandbox_id"]))
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        # Not the error's text, which may quote the file.
        return None


@contextmanager
def _own(path: Path) -> Iterator[bool]:
    """Take a file's lock for the block if nobody has it; False when somebody has, or the file is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it until now may have taken it off file, or put another in its place.
            yield os.fstat(descriptor).st_nlink > 0
        except BlockingIOError:
            yield False
    finally:
        os.close(descriptor)
