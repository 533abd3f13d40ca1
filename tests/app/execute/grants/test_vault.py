"""Live credentials on file: whose they are, who may read them, and what is left when somebody dies (T50)."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.grant import Credential, Grant
from app.emulators.github import Fault, GitHubEmulator
from app.errors import BellhopError, ConfigurationError, ServiceError
from app.execute.grants.github_app import GitHubApp
from app.execute.grants.keeping import KeepingMinter
from app.execute.grants.vault import Vault
from tests.github_at_work import REPO, any_credential

ROOT = Path(__file__).resolve().parents[4]
GRANT = Grant(purpose="workspace", repo=REPO, permissions={"contents": "read"})

HOLDS = """
import sys
from pathlib import Path
from app.execute.grants.vault import Vault
from tests.github_at_work import any_credential
vault = Vault(Path(sys.argv[1]))
vault.keep(any_credential())
print("kept", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "credentials")


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that keeps a credential in the same directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path / "credentials")], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "kept\n"
    yield process
    process.kill()
    process.communicate()


def left(vault: Vault) -> list[Credential]:
    return [kept.credential for kept in vault.left()]


def test_only_its_owner_can_read_it_and_its_name_tells_nothing(vault: Vault, tmp_path: Path) -> None:
    credential = any_credential()
    vault.keep(credential)
    [file] = (tmp_path / "credentials").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert file.name == f"{credential.id}.json"
    assert credential.token.get_secret_value() in file.read_text()


def test_what_is_held_is_nobody_elses_until_it_is_let_go(vault: Vault, tmp_path: Path) -> None:
    vault.keep(any_credential())
    assert left(vault) == left(Vault(tmp_path / "credentials")) == []
    vault.release(any_credential().id)
    assert left(vault) == [any_credential()]
    vault.forget(any_credential().id)
    assert left(vault) == []
    vault.forget(any_credential().id)


def test_t50_what_a_process_held_that_was_killed_is_found(vault: Vault, keeper: subprocess.Popen[str]) -> None:
    assert left(vault) == []
    keeper.send_signal(signal.SIGKILL)
    keeper.wait()
    assert left(vault) == [any_credential()]


def test_two_sweepers_never_have_the_same_one(vault: Vault, keeper: subprocess.Popen[str], tmp_path: Path) -> None:
    keeper.kill()
    keeper.wait()
    other = Vault(tmp_path / "credentials")
    for _ in vault.left():
        assert left(other) == []
    assert left(other) == [any_credential()]


def test_what_a_sandbox_has_belongs_to_no_process(vault: Vault, tmp_path: Path) -> None:
    vault.keep(any_credential())
    vault.entrust(any_credential(), "abc-work")
    again = Vault(tmp_path / "credentials")
    assert [(kept.credential, kept.sandbox_id) for kept in again.left()] == [(any_credential(), "abc-work")]
    assert again.of_sandbox("abc-work") == [any_credential()]
    assert again.of_sandbox("abc-work-2") == []


def test_a_file_that_nobody_finished_is_looked_at_once_it_is_old(vault: Vault, tmp_path: Path) -> None:
    vault.keep(any_credential())
    vault.release(any_credential().id)
    [file] = (tmp_path / "credentials").iterdir()
    growing = file.rename(file.with_name(f"{file.name}.0badcafe"))
    assert left(vault) == []
    os.utime(growing, (time.time() - 600, time.time() - 600))
    assert left(vault) == [any_credential()]
    vault.forget(any_credential().id)
    assert not growing.exists()


def test_a_file_that_says_nothing_is_removed(vault: Vault, tmp_path: Path) -> None:
    vault.keep(any_credential())
    vault.forget(any_credential().id)
    for name, content in (("ghs-0.json", ""), ("ghs-1.json", "[]"), ("ghs-2.json", '{"token": 1}')):
        (tmp_path / "credentials" / name).write_text(content)
    assert left(vault) == []
    assert list((tmp_path / "credentials").iterdir()) == []


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_directory_that_others_reach_is_refused(vault: Vault, tmp_path: Path, mode: int) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials").chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 700"):
        vault.keep(any_credential())


def test_a_link_in_place_of_the_directory_is_refused(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "credentials").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="this user's alone"):
        vault.keep(any_credential())


def test_one_hand_over_at_a_time(vault: Vault, tmp_path: Path) -> None:
    order: list[str] = []
    entered = threading.Event()

    def second() -> None:
        entered.set()
        with Vault(tmp_path / "credentials").handing_over("abc-work"):
            order.append("second")

    thread = threading.Thread(target=second)
    with vault.handing_over("abc-work"):
        thread.start()
        assert entered.wait(20)
        order.append("first")
    thread.join(20)
    assert order == ["first", "second"]


def test_t50_a_token_is_on_file_from_minting_to_revoking(minter: GitHubApp, vault: Vault, github: GitHubEmulator, tmp_path: Path) -> None:
    keeping = KeepingMinter(minter, vault)
    credential = keeping.mint(GRANT)
    assert [file.name for file in (tmp_path / "credentials").iterdir()] == [f"{credential.id}.json"]
    keeping.revoke(credential)
    assert list((tmp_path / "credentials").iterdir()) == []
    assert github.live_tokens() == []


def test_a_revocation_that_fails_leaves_it_for_the_sweeper(minter: GitHubApp, vault: Vault, github: GitHubEmulator) -> None:
    keeping = KeepingMinter(minter, vault)
    credential = keeping.mint(GRANT)
    github.fault(Fault(path=r"/installation/token$", status=500))
    with pytest.raises(ServiceError):
        keeping.revoke(credential)
    assert left(vault) == [credential]


def test_what_cannot_be_kept_is_given_back_unused(minter: GitHubApp, vault: Vault, github: GitHubEmulator, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("in the way")
    with pytest.raises(BellhopError) as refused:
        KeepingMinter(minter, vault).mint(GRANT)
    assert (refused.value.reason, refused.value.retryable) == ("credential_not_kept", True)
    assert github.live_tokens() == []
