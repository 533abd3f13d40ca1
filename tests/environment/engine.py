"""A Docker engine for the tests: the one that answers, or a private one that is stopped again.

    engine.py start DIRECTORY    prints the DOCKER_HOST to use
    engine.py stop DIRECTORY     stops the engine that `start` started there, if it did

Standard library only, so that it runs before anything is installed. A private engine keeps everything below
DIRECTORY and leaves the host's own files, bridges and rules of another engine alone.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

DEFAULT_HOST = "unix:///var/run/docker.sock"
START_SECONDS = 60.0


def answers(docker_host: str) -> bool:
    """Return whether an engine answers at a unix socket."""
    if not docker_host.startswith("unix://"):
        return False
    connection = http.client.HTTPConnection("localhost", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.settimeout(5)
        connection.sock.connect(docker_host.removeprefix("unix://"))
        connection.request("GET", "/_ping")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def start(directory: Path) -> str:
    """Return the DOCKER_HOST of an engine that answers, starting a private one in `directory` if need be."""
    for docker_host in (os.environ.get("DOCKER_HOST", DEFAULT_HOST), f"unix://{directory}/docker.sock"):
        if answers(docker_host):
            return docker_host
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        sys.exit("no Docker engine answers, and only root with `dockerd` installed can start one")
    directory.mkdir(parents=True, exist_ok=True)
    settings = directory / "daemon.json"
    runsc = shutil.which("runsc")
    runtimes = {"runsc": {"path": runsc, "runtimeArgs": ["--network=none", "--fsgofer-host-uds"]}} if runsc else {}
    settings.write_text(json.dumps({"runtimes": runtimes}))
    with (directory / "dockerd.log").open("wb") as log:
        process = subprocess.Popen(
            [
                "dockerd", f"--config-file={settings}", f"--data-root={directory}/data", f"--exec-root={directory}/exec",
                f"--pidfile={directory}/dockerd.pid", f"--host=unix://{directory}/docker.sock", "--iptables=false",
            ],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )
    docker_host = f"unix://{directory}/docker.sock"
    deadline = time.monotonic() + START_SECONDS
    while not answers(docker_host):
        if process.poll() is not None or time.monotonic() > deadline:
            tail = (directory / "dockerd.log").read_text(errors="replace")[-2000:]
            sys.exit(f"dockerd did not come up; the end of its log:\n{tail}")
        time.sleep(0.1)
    process.returncode = 0  # it goes on without us; without this Python warns of a child left behind
    return docker_host


def stop(directory: Path) -> None:
    """Stop the engine that was started in `directory`, by its pid, and remove what it kept."""
    pidfile = directory / "dockerd.pid"
    try:
        pid = int(pidfile.read_text())
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except (OSError, ValueError):
        return
    if name != "dockerd":
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + START_SECONDS
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in {"start", "stop"}:
        sys.exit(__doc__)
    where = Path(sys.argv[2]).resolve()
    if sys.argv[1] == "start":
        sys.stdout.write(start(where) + "\n")
    else:
        stop(where)
