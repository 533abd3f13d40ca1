"""The embedded Bellhop with bubblewrap beside an emulated GitHub, and what is left of it on this machine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr
from sqlalchemy import select

from app.core.run import Run
from app.embedded import Bellhop, running
from app.emulators.github.emulator import GitHubEmulator
from app.ledger import runs
from app.ledger.tables import inbox, messages
from app.settings import Settings
from tests.e2e.harness import REPO, SECRET, profile, share_tooling, until, what_is_left

SWEEP_SECONDS = 0.5


class Road(NamedTuple):
    """A whole road, from one end to the other."""

    github: GitHubEmulator
    bellhop: Bellhop

    @property
    def state_dir(self) -> Path:
        return self.bellhop.parts.settings.state_dir

    def ring(self, number: int = 1) -> None:
        """A person with write access puts the label on the issue."""
        self.github.person("ada").label(REPO, number, "bellhop")

    def comments(self, number: int = 1) -> list[str]:
        """What Bellhop has said in the issue."""
        said = self.github.comments(REPO, number)
        return [comment.body for comment in said if comment.user == self.github.app.bot]

    def told(self, words: str, *, number: int = 1, timeout_seconds: float = 60.0) -> str:
        """Wait until Bellhop's newest comment holds the words, and return it."""
        until(
            lambda: any(words in body for body in self.comments(number)[-1:]), f"a comment says {words!r}", self.log,
            timeout_seconds,
        )
        return self.comments(number)[-1]

    def log(self) -> str:
        with self.bellhop.database.read() as tx:
            found = runs.recent(tx)
            rows = tx.execute(select(inbox.c.id, inbox.c.state, inbox.c.decision)).all()
        return f"comments: {self.comments()}\ninbox: {rows}\nruns: {[(run.state, run.outcome) for run in found]}"

    def newest(self) -> Run:
        """The newest run."""
        with self.bellhop.database.read() as tx:
            return runs.recent(tx, 1)[0]

    def decisions(self, kind: str) -> list[str]:
        """What was decided on the events of a kind, oldest first; an event still to be decided on is no answer."""
        with self.bellhop.database.read() as tx:
            rows = tx.execute(select(inbox.c.event, inbox.c.decision).order_by(inbox.c.id)).all()
        return [decision for event, decision in rows if f'"kind":"{kind}"' in event and decision]

    def handed(self) -> list[str]:
        """The follow-ups that a runner has confirmed."""
        with self.bellhop.database.read() as tx:
            return list(tx.execute(select(messages.c.text).where(messages.c.handed_at_ms.is_not(None))).scalars())

    def gate(self, name: str = "gate") -> Path:
        """Wait for the FIFO that the agent has made in its HOME, and return where it is on the host."""
        found: list[Path] = []

        def there() -> bool:
            found[:] = [path for path in self.state_dir.glob(f"scratch/*-work/home/{name}") if path.is_fifo()]
            return bool(found)

        until(there, f"the agent waits at {name}", self.log)
        return found[0]

    def changes(self, branch: str) -> str:
        """What a branch changes, as `git diff` says it."""
        return subprocess.run(
            ["git", "--git-dir", self.github.repository(REPO).path, "diff", "-U0", "main", branch],
            capture_output=True, text=True, check=True, timeout=30,
        ).stdout

    def branch(self) -> str:
        """The one branch beside the default one."""
        [branch] = [name for name in self.github.branches(REPO) if name != "main"]
        return branch

    def left(self) -> list[str]:
        """Everything of a run that still runs, listens, is mounted or lies on the disk."""
        settings = self.bellhop.parts.settings
        rooms = [str(path) for path in (settings.state_dir / "bubblewrap").glob("*")]
        return what_is_left(settings.state_dir, settings.runtime_dir) + rooms + processes_over(settings.state_dir)

    def nothing_is_left(self) -> None:
        until(lambda: self.left() == [], f"nothing is left of the run: {self.left()}", self.log, 15.0)
        until(lambda: self.github.live_tokens() == [], "every token was revoked", self.log, 15.0)


def processes_over(directory: Path) -> list[str]:
    """Processes of other mount namespaces in which something below the directory is mounted: sandboxes of ours."""
    own = Path("/proc/self/ns/mnt").readlink()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "ns/mnt").readlink() != own and str(directory) in (process / "mountinfo").read_text():
                found.append(f"process {process.name}: {(process / 'cmdline').read_bytes()[:200]!r}")
        except OSError:
            continue
    return found


@contextmanager
def embedded(
    github: GitHubEmulator, directory: Path, runtime_dir: Path, profiles: Mapping[str, str], **changes: Any
) -> Iterator[Road]:
    """Run a Bellhop that GitHub's webhooks reach, with bubblewrap and the profiles, by name."""
    place = directory / "profiles"
    place.mkdir()
    for name, text in profiles.items():
        (place / f"{name}.yaml").write_text(text)
    settings = Settings(
        state_dir=directory / "state", runtime_dir=runtime_dir, profiles_dir=place, web_port=0, host_name="test-host",
        sandbox_backend="bubblewrap", sweep_seconds=SWEEP_SECONDS, bot_login=f"{github.app.slug}[bot]",
        github_webhook_secret=SecretStr(SECRET), github_app_id=str(github.app.id),
        github_private_key=SecretStr(github.private_key_pem or ""), github_api_url=github.api_url,
        github_web_url=github.web_url,
    ).model_copy(update=changes)
    share_tooling(settings.state_dir)
    with running(settings) as bellhop:
        github.set_webhook_url(f"{bellhop.url}/hooks/github")
        try:
            yield Road(github, bellhop)
        finally:
            github.set_webhook_url(None)
            github.wait_for_deliveries()


def sealed(run: str, **more: str) -> str:
    """A profile whose agent is a shell command in bubblewrap; further top-level keys by name."""
    return profile(run, isolation="process", more="\n".join(f"{key.replace('_', '-')}: {value}" for key, value in more.items()))
