"""Seeds, and the emulator as a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.emulators.github import GitHubEmulator, Seed, SeedApp, SeedRepository, load_seed
from app.errors import ConfigurationError
from tests.app.emulators.github.github_kit import until

ROOT = Path(__file__).resolve().parents[4]

SEED = """
app:
  id: 12
  private_key_file: app.pem
users:
  - {login: alice, id: 7, token: ghp_known}
repositories:
  - full_name: octo/hello
    id: 1
    content: hello
    collaborators: {alice: admin}
    labels: [bellhop, {name: bug, color: d73a4a}]
    issues:
      - {title: Broken, user: alice, labels: [bug]}
installations:
  - {account: octo, id: 3}
"""


@pytest.fixture
def seed_file(tmp_path: Path) -> Path:
    content = tmp_path / "hello"
    (content / "bin").mkdir(parents=True)
    (content / "README.md").write_text("hello\n")
    (content / "bin" / "run").write_text("#!/bin/sh\n")
    (content / "bin" / "run").chmod(0o755)
    (content / "link").symlink_to("README.md")
    (content / ".git").mkdir()
    (content / ".git" / "config").write_text("not to be taken\n")
    file = tmp_path / "seed.yaml"
    file.write_text(SEED)
    return file


def test_a_seed_makes_the_same_commit_every_time(seed_file: Path, tmp_path: Path) -> None:
    heads = []
    for number in range(2):
        with GitHubEmulator(tmp_path / str(number), load_seed(seed_file)) as emulator:
            heads.append(emulator.branches("octo/hello"))
            assert emulator.read("octo/hello", "main", "README.md") == "hello\n"
            path = emulator.repository("octo/hello").path
    assert heads[0] == heads[1]
    listed = subprocess.run(
        ["git", "-C", str(path), "ls-tree", "-r", "main"], check=True, capture_output=True, text=True, timeout=20
    ).stdout
    assert {line.split("\t")[1]: line.split()[0] for line in listed.splitlines()} == {
        "README.md": "100644", "bin/run": "100755", "link": "120000",
    }


def test_a_seed_holds_what_it_says_and_rings_nothing(seed_file: Path, tmp_path: Path) -> None:
    with GitHubEmulator(tmp_path / "g", load_seed(seed_file)) as emulator:
        issue = emulator.issue("octo/hello", 1)
        assert (issue.title, issue.user.login, [one.name for one in issue.labels]) == ("Broken", "alice", ["bug"])
        assert emulator.repository("octo/hello").labels["bug"].color == "d73a4a"
        assert emulator.deliveries == []
        key = seed_file.parent / "app.pem"
        assert key.read_text() == emulator.private_key_pem
        assert key.stat().st_mode & 0o777 == 0o600
        assert emulator.private_key_pem is not None
        assert emulator.private_key_pem not in "\n".join(emulator.describe())
        assert emulator.app.webhook_secret not in "\n".join(emulator.describe())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("repositories: [{full_name: nonsense}]", "repositories.0.full_name"),
        ("colour: red", "colour"),
        ("{", "not YAML"),
        ("repositories: [{full_name: a/b, collaborators: {x: owner}}]", "collaborators"),
    ],
)
def test_a_wrong_seed_is_refused_with_its_key(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "seed.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        load_seed(file)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_seed(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    "repositories",
    [
        (SeedRepository(full_name="a/b"), SeedRepository(full_name="A/B")),
        (SeedRepository(full_name="a/b", id=1), SeedRepository(full_name="a/c", id=1)),
        (SeedRepository(full_name="a/b", fork_of="c/d"),),
        (SeedRepository(full_name="a/b", content=Path(__file__)),),
    ],
)
def test_a_seed_that_contradicts_itself_is_refused(
    tmp_path: Path, app_key: Path, repositories: tuple[SeedRepository, ...]
) -> None:
    seed = Seed(app=SeedApp(private_key_file=app_key), repositories=repositories)
    with pytest.raises(ConfigurationError):
        GitHubEmulator(tmp_path / "g", seed)


@pytest.fixture
def standing(seed_file: Path) -> Iterator[str]:
    """The emulator as a process, as the command line runs it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = "import sys; from pathlib import Path; from app.emulators.github import run; " \
        "run(port=int(sys.argv[1]), seed_file=Path(sys.argv[2]), announce=lambda line: print(line, flush=True))"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(port), str(seed_file)], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env={"PATH": os.defpath},
    )
    try:
        assert process.stdout is not None
        assert f"http://127.0.0.1:{port}" in process.stdout.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode in (0, -signal.SIGINT, 130)


def test_it_stands_alone(standing: str) -> None:
    def answers() -> bool:
        try:
            return httpx.get(f"{standing}/api/v3/rate_limit", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    until(answers)
    headers = {"authorization": "Bearer ghp_known"}
    body = {"title": "From a person", "labels": ["bellhop"]}
    answer = httpx.post(f"{standing}/api/v3/repos/octo/hello/issues", json=body, headers=headers, trust_env=False)
    assert answer.status_code == 201
    page = httpx.get(answer.json()["html_url"], trust_env=False)
    assert "From a person" in page.text
    listed = httpx.get(f"{standing}/_emulator/deliveries", trust_env=False).json()
    assert [(one["event"], one["action"]) for one in listed] == [("issues", "opened"), ("issues", "labeled")]
