"""Where the gateway keeps its sockets and who may reach them.

A door must be reachable by one sandbox and by nobody else on the host. `doors` is 0700 and belongs to the gateway's
user, so that no other user of the host gets past it, whatever id he has learnt. What is below it is open
(directory 0711, socket 0666): a sandbox has another uid (10001, another per profile, and a shifted one under user
namespaces), and sees nothing but this one directory, mounted at `/gateway`. The mount is made by the container engine
or by bubblewrap before it drops its rights, or under the gateway's own uid: none of them is held up by `doors`.

The mount is read-only; connecting to a socket needs no writable mount. What is mounted is the directory's inode: a
restarted gateway puts a new socket into the old directory and never makes the directory anew.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import ConfigurationError

# struct sockaddr_un holds 108 bytes, the last one a NUL: unix(7).
SOCKET_PATH_BYTES = 107
SANDBOX_ID = re.compile(r"[a-z0-9]{1,20}-(work|verify|setup|setup-verify)(-[0-9]{1,3})?")
# A run has twelve characters: this is more than any sandbox of one has.
_LONGEST_ID = "x" * 31


class Places:
    """The gateway's directories below `runtime_dir` and `state_dir`."""

    def __init__(self, runtime_dir: Path, state_dir: Path) -> None:
        self.runtime_dir = runtime_dir
        self.doors = runtime_dir / "doors"
        self.control_socket = runtime_dir / "gateway.sock"
        self.lock = runtime_dir / "gateway.lock"
        self.bundles = state_dir / "bundles"
        self.registry_cache = state_dir / "registry-cache"

    def door(self, sandbox_id: str) -> Path:
        """Return the directory that is shown at `/gateway`."""
        return self.doors / sandbox_id

    def prepare(self) -> None:
        """Make the directories and check them. Raises ConfigurationError."""
        check_socket_path(self.door(_LONGEST_ID) / "door.sock")
        check_socket_path(self.control_socket)
        _own_directory(self.runtime_dir, 0o711)
        for directory in (self.doors, self.bundles):
            _own_directory(directory, 0o700)
            directory.chmod(0o700)

    def make_door(self, sandbox_id: str) -> Path:
        """Make a door's directory, or find it again, and return it."""
        directory = self.door(sandbox_id)
        directory.mkdir(exist_ok=True)
        directory.chmod(0o711)
        return directory

    def remove_door(self, sandbox_id: str) -> None:
        """Remove a door's directory; one that is gone is no error."""
        shutil.rmtree(self.door(sandbox_id), ignore_errors=True)

    def known_doors(self) -> list[str]:
        """Return the names of all door directories on this host."""
        return sorted(entry.name for entry in self.doors.iterdir())


def check_socket_path(path: Path) -> None:
    """Raise ConfigurationError when a unix socket cannot have this path."""
    length = len(os.fsencode(path))
    if length > SOCKET_PATH_BYTES:
        raise ConfigurationError(
            f"the socket path {path} has {length} bytes, a unix socket allows {SOCKET_PATH_BYTES}: "
            "set BELLHOP_RUNTIME_DIR to a shorter directory, such as /run/bellhop"
        )


def bind_socket(path: Path, *, mode: int) -> socket.socket:
    """Return a listening socket at `path` in place of a stale one; nobody can connect before its mode is set.

    Raises ConfigurationError when the path is too long or something else than a socket is there.
    """
    check_socket_path(path)
    if path.is_socket():
        path.unlink()
    elif path.exists():
        raise ConfigurationError(f"{path} is in the way and is no socket: remove it")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(str(path))
        path.chmod(mode)
        sock.listen(128)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


@contextmanager
def only_gateway(lock: Path) -> Iterator[None]:
    """Hold this host's gateway lock for the block. Raises ConfigurationError when another gateway holds it."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"another gateway is running on this host (it holds {lock}): stop it, "
                "or give this Bellhop its own BELLHOP_RUNTIME_DIR"
            ) from None
        yield
    finally:
        os.close(handle)


def _own_directory(path: Path, mode: int) -> None:
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise ConfigurationError(
            f"{path} must be a directory of uid {os.geteuid()} that only it may write: "
            f"run `chown {os.geteuid()} {path} && chmod go-w {path}`, or choose another directory"
        )
