"""A whole Bellhop and a whole emulated GitHub, for the end-to-end tests: only the outside is asserted."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from app.emulators.github.emulator import GitHubEmulator
from app.emulators.github.seed import Seed, SeedApp, SeedInstallation, SeedIssue, SeedLabel, SeedRepository, SeedUser
from app.emulators.github.serve import serve
from tests.environment.services import free_port

ROOT = Path(__file__).resolve().parents[2]
# Backend and the level that it keeps, weakest first.
LEVELS = [
    pytest.param("bubblewrap", "process", marks=pytest.mark.bubblewrap),
    pytest.param("docker", "container", marks=pytest.mark.docker),
    pytest.param("gvisor", "gvisor", marks=pytest.mark.docker),
]
REPO = "octo/till"
SECRET = "the webhook's secret"

PROFILE = """\
on:
  issues: {{types: [labeled], labels: [bellhop]}}
  issue_comment: {{types: [created]}}
agent:
  uses: command
  with:
    run: |
{run}
container:
  isolation: {isolation}
{image}
{more}
"""


def until(
    condition: Callable[[], object], what: str, log: Callable[[], str] = lambda: "", timeout_seconds: float = 60.0
) -> None:
    """Wait for a condition. Raises AssertionError that names it, with the log."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {timeout_seconds:.0f} s: {what}\n{log()}"
        time.sleep(0.05)


TILL = SeedRepository(
    full_name=REPO, files={"README.md": "# till\n", "till.txt": "cents: 999\n"},
    collaborators={"ada": "write", "eve": "read"}, labels=(SeedLabel(name="bellhop"),),
    issues=(SeedIssue(title="A cent is lost", user="ada", body="It should be 1000."),),
)


@contextmanager
def github(directory: Path, repository: SeedRepository = TILL, **permissions: str) -> Iterator[GitHubEmulator]:
    """An emulated GitHub with one repository, one open issue, and people of several roles."""
    seed = Seed(
        app=SeedApp(webhook_secret=SECRET, permissions={
            "metadata": "read", "contents": "write", "issues": "write", "pull_requests": "write", "checks": "write", **permissions}),
        users=(SeedUser(login="octo", kind="Organization"), SeedUser(login="ada"), SeedUser(login="eve")),
        repositories=(repository,),
        installations=(SeedInstallation(account="octo"),),
    )
    with GitHubEmulator(directory, seed) as emulator, serve(emulator):
        yield emulator


def share_tooling(state_dir: Path) -> None:
    """Keep the `/agent` trees where the tests of the tooling keep theirs: each one is built once."""
    kept = Path(tempfile.gettempdir()) / f"bellhop-test-tooling-{os.geteuid()}" / "tooling"
    kept.mkdir(parents=True, exist_ok=True)
    state_dir.mkdir(exist_ok=True)
    (state_dir / "tooling").symlink_to(kept)


def profile(run: str, *, isolation: str = "container", image: str = "", more: str = "") -> str:
    """A profile whose agent is a shell command."""
    indented = "\n".join(f"      {line}" for line in run.splitlines())
    return PROFILE.format(run=indented, isolation=isolation, image=f"  image: {image}" if image else "", more=more)


class Processes(NamedTuple):
    """The processes of a production Bellhop, by verb."""

    environment: dict[str, str]
    children: dict[str, subprocess.Popen[bytes]]
    logs: Path
    state_dir: Path
    runtime_dir: Path

    def start(self, verb: str, **more: str) -> None:
        with (self.logs / f"{verb}.log").open("ab") as log:
            self.children[verb] = subprocess.Popen(
                [sys.executable, "-m", "app.cli", verb], cwd=ROOT, env=self.environment | more, stdout=log, stderr=log,
            )

    def kill(self, verb: str) -> None:
        self.children[verb].send_signal(signal.SIGKILL)
        self.children[verb].wait(timeout=10)

    def stop(self) -> None:
        for child in self.children.values():
            child.terminate()
        for child in self.children.values():
            try:
                child.wait(timeout=25)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(timeout=10)

    def log(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')[-6000:]}" for path in sorted(self.logs.iterdir()))


def environment_for(
    emulator: GitHubEmulator, directory: Path, runtime_dir: Path, *, port: int, **more: str
) -> dict[str, str]:
    """The settings of a Bellhop that works with the emulator."""
    key = directory / "app.pem"
    key.write_text(emulator.private_key_pem or "")
    for name in ("profiles", "logs"):
        (directory / name).mkdir(exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "BELLHOP_STATE_DIR": str(directory / "state"), "BELLHOP_RUNTIME_DIR": str(runtime_dir),
        "BELLHOP_PROFILES_DIR": str(directory / "profiles"), "BELLHOP_WEB_PORT": str(port),
        "BELLHOP_GITHUB_WEBHOOK_SECRET": SECRET, "BELLHOP_GITHUB_APP_ID": str(emulator.app.id),
        "BELLHOP_GITHUB_PRIVATE_KEY_FILE": str(key), "BELLHOP_GITHUB_API_URL": emulator.api_url,
        "BELLHOP_GITHUB_WEB_URL": emulator.web_url, "BELLHOP_BOT_LOGIN": f"{emulator.app.slug}[bot]",
        "BELLHOP_HOST_NAME": "test-host", "BELLHOP_SWEEP_SECONDS": "1", "BELLHOP_LOG_LEVEL": "INFO",
        "BELLHOP_PUBLIC_URL": f"http://127.0.0.1:{port}",
    } | more


@contextmanager
def production(
    emulator: GitHubEmulator, directory: Path, runtime_dir: Path, *, postgres_url: str, redis_url: str, docker_host: str,
    verbs: tuple[str, ...] = ("web", "gateway", "worker", "beat"), **more: str,
) -> Iterator[Processes]:
    """Web, worker, gateway and beat as separate processes on PostgreSQL, Redis and Docker."""
    port = free_port()
    share_tooling(directory / "state")
    environment = environment_for(
        emulator, directory, runtime_dir, port=port, BELLHOP_DATABASE_URL=postgres_url, BELLHOP_BROKER_URL=redis_url,
        BELLHOP_DOCKER_HOST=docker_host, BELLHOP_SANDBOX_BACKEND="docker", **more,
    )
    subprocess.run([sys.executable, "-m", "app.cli", "migrate"], cwd=ROOT, env=environment, check=True, timeout=60)
    processes = Processes(environment, {}, directory / "logs", directory / "state", runtime_dir)
    with ExitStack() as stack:
        stack.callback(processes.stop)
        for verb in verbs:
            processes.start(verb)
        emulator.set_webhook_url(f"http://127.0.0.1:{port}/hooks/github")

        def up() -> bool:
            assert all(child.poll() is None for child in processes.children.values()), processes.log()
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                return False
            return (runtime_dir / "gateway.sock").exists()

        until(up, "web and gateway listen")
        yield processes


def what_is_left(state_dir: Path, runtime_dir: Path) -> list[str]:
    """Everything of a run that is still on this host's disk, mounted or listening."""
    left = [str(path) for name in ("scratch", "bundles", "quarantine") for path in (state_dir / name).glob("*")]
    left += [str(path) for path in (runtime_dir / "doors").glob("*")]
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    return left + [line for line in mounts if str(state_dir) in line]
