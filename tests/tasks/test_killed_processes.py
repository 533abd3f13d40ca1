"""T50: what a process held that was killed for good (SIGKILL) is revoked by the next sweep."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from sqlalchemy import select

from app.emulators.github import Fault
from app.ledger.tables import audit
from tasks.sweep import sweep
from tests.github_at_work import APP_ID
from tests.tasks.scene import Scene

ROOT = Path(__file__).resolve().parents[2]
HOLDS = """
import sys
from pathlib import Path
from pydantic import SecretStr
from app.core.grant import Grant
from app.execute.grants.github_app import GitHubApp
from app.execute.grants.keeping import KeepingMinter
from app.execute.grants.private_key import load_private_key
from app.execute.grants.vault import Vault
from tests.github_at_work import REPO
directory, key, app_id, api_url = sys.argv[1:]
app = GitHubApp(app_id=app_id, private_key=load_private_key(SecretStr(""), Path(key)), api_url=api_url)
minter = KeepingMinter(app, Vault(Path(directory)))
kept = minter.mint(Grant(purpose="publish", repo=REPO, permissions={"contents": "write"}))
print(kept.id, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def worker(scene: Scene, app_key: RSAPrivateKey) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a token which may push."""
    pem = scene.directory / "app.pem"
    pem.write_bytes(app_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ))
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(scene.settings.credentials_dir), str(pem), APP_ID, scene.github.api_url],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    yield process
    kill(process)


def holding(worker: subprocess.Popen[str]) -> str:
    assert worker.stdout is not None
    return worker.stdout.readline().strip()


def kill(worker: subprocess.Popen[str]) -> None:
    if worker.poll() is None:
        worker.send_signal(signal.SIGKILL)
        worker.communicate()


def test_t50_after_a_kill_one_sweep_revokes_what_was_held(scene: Scene, worker: subprocess.Popen[str]) -> None:
    credential_id = holding(worker)
    sweep(scene.parts)
    assert len(scene.github.live_tokens()) == 1, "a living worker's token must be left alone"
    kill(worker)
    sweep(scene.parts)
    assert scene.github.live_tokens() == []
    assert list(scene.settings.credentials_dir.glob("*.json*")) == []
    with scene.database.read() as tx:
        rows = tx.execute(select(audit).where(audit.c.credential_id == credential_id)).all()
    assert [(row.action, row.target, row.verdict) for row in rows] == [
        ("revoke publish", "octo/hello contents: write, left over", "ok")
    ]


def test_t50_while_github_is_down_it_is_tried_again(scene: Scene, worker: subprocess.Popen[str]) -> None:
    assert holding(worker)
    kill(worker)
    scene.github.fault(Fault(path=r"/installation/token$", status=500))
    sweep(scene.parts)
    assert len(scene.github.live_tokens()) == 1
    sweep(scene.parts)
    assert scene.github.live_tokens() == []
