"""Private Redis and PostgreSQL for one test session: in a directory of their own, on unix sockets and free ports."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

START_SECONDS = 30.0
STOP_SECONDS = 15.0
_PORTS = range(20_000, 32_000)


@contextmanager
def redis_server(directory: Path) -> Iterator[str]:
    """Yield the URL of a Redis that keeps nothing. Raises RuntimeError when it cannot be had."""
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("no redis-server: run `apt-get install redis-server`")
    port = free_port()
    with _running(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(directory)],
        directory / "redis.log",
        lambda: _accepts(port),
    ):
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def postgres_server(directory: Path) -> Iterator[str]:
    """Yield the URL of a PostgreSQL with an empty database. Raises RuntimeError when it cannot be had.

    PostgreSQL does not run as root: started as root, it runs as `postgres`, who then owns `directory`.
    """
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: int(place.parent.name))
    found = shutil.which("initdb", path=str(binaries[-1]) if binaries else None)
    if found is None:
        raise RuntimeError("no PostgreSQL server: run `apt-get install postgresql`")
    programs = Path(found).parent
    become: list[str] = []
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(directory, user.pw_uid, user.pw_gid)
        become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    data = directory / "data"
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    subprocess.run(
        [*become, str(programs / "initdb"), "--pgdata", str(data), "--username=bellhop", "--auth=trust", "--no-sync",
         "--encoding=UTF8"],
        check=True, capture_output=True, timeout=60, env=environment, cwd=directory,
    )
    port = free_port()
    with _running(
        [*become, str(programs / "postgres"), "-D", str(data), "-p", str(port), "-c", "listen_addresses=127.0.0.1",
         "-c", f"unix_socket_directories={directory}", "-c", "fsync=off", "-c", "max_connections=200"],
        directory / "postgres.log",
        lambda: _ready(programs, port),
        environment,
    ):
        yield f"postgresql+psycopg://bellhop@127.0.0.1:{port}/postgres"


def free_port() -> int:
    """Return a port of the loopback that nobody listens on now, out of those that the kernel gives to nobody by itself.

    One of the kernel's own (from 32768 on) may be a client's by the time that it is bound.
    """
    while True:
        port = secrets.choice(_PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@contextmanager
def _running(
    command: list[str], log: Path, ready: Callable[[], bool], environment: dict[str, str] | None = None
) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, cwd=log.parent
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not come up: {log.read_text(errors='replace')[-1000:]}")
            time.sleep(0.02)
        yield
    finally:
        process.send_signal(signal.SIGINT)  # a fast stop for both: PostgreSQL waits for its clients on TERM
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _ready(programs: Path, port: int) -> bool:
    probe = subprocess.run(
        [str(programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-q"], check=False, timeout=10
    )
    return probe.returncode == 0
