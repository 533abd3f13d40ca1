"""A place of its own for a repeated run: another ledger, other sockets, and this host's mirrors and `/agent` trees."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pydantic import SecretStr

from app.core.run import Run
from app.embedded import prepare_directories
from app.emulators.model.emulator import ANTHROPIC_KEY, OPENAI_KEY
from app.errors import BellhopError
from app.execute.workspace import Workspaces
from app.execute.workspace.mirror import has_commit
from app.ledger.database import Database
from app.replay.recorded import cannot
from app.settings import Settings
from tasks.grants import workspace_grant
from tasks.queue import CeleryWakeup, make_celery
from tasks.worker import make_parts

LONGEST_TEMPORARY = 30


@contextmanager
def place_for(settings: Settings, model_url: str) -> Iterator[Settings]:
    """Yield the settings of a Bellhop of its own, whose models are at `model_url`; all of it is removed afterwards.

    Raises ConfigurationError.
    """
    # A socket's path may have 107 bytes.
    base = tempfile.gettempdir() if len(tempfile.gettempdir()) <= LONGEST_TEMPORARY else "/tmp"  # noqa: S108 - made new, for us alone
    with tempfile.TemporaryDirectory(prefix="bellhop-replay-", dir=base, ignore_cleanup_errors=True) as name:
        directory = Path(name)
        # Made anew, not copied: a copy would keep what the first has already worked out of its directories.
        members = {field: getattr(settings, field) for field in Settings.model_fields}
        made = Settings.model_construct(**members | {
            "state_dir": directory / "state", "runtime_dir": directory / "run", "database_url": "",
            "broker_url": "memory://", "public_url": "",
            "anthropic_api_key": SecretStr(ANTHROPIC_KEY), "anthropic_api_url": model_url,
            "openai_api_key": SecretStr(OPENAI_KEY), "openai_api_url": model_url,
            "gemini_api_key": SecretStr(""), "gemini_api_url": model_url,
            "github_webhook_secret": SecretStr(""), "github_private_key": SecretStr(""), "github_private_key_file": None,
            "outbound_proxy": None,
        })
        prepare_directories(made)
        for shared in ("mirrors", "tooling"):
            (settings.state_dir / shared).mkdir(exist_ok=True)
            (made.state_dir / shared).symlink_to(settings.state_dir / shared)
        yield made


def have_base(settings: Settings, database: Database, run: Run) -> None:
    """See that this host's mirror holds the commit that the run began at: fetched with the App's token where it does not.

    Raises BellhopError with reason `cannot_replay` when nobody has it any more.
    """
    workspaces, commit = Workspaces(settings), run.base_commit or ""
    mirror = workspaces.mirror(run.event.repo)
    if mirror.is_dir() and has_commit(workspaces.git, mirror, commit):
        return
    try:
        with closing(CeleryWakeup(make_celery(settings))) as wakeup, closing(make_parts(settings, database, wakeup)) as parts:
            grant = workspace_grant(run.event, run.profile, None)
            with parts.credential(grant, run_id=run.id) as credential:
                url = parts.service(run.event).clone_url(run.event.repo)
                workspaces.fetch(run.event.repo, url, credential, commit)
    except BellhopError as error:
        raise cannot(f"this host does not have the commit {commit} that it began at, and could not fetch it ({error})") from error
