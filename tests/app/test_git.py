"""Host git: what it reads, whom it speaks to, what it says when it fails."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.errors import ConfigurationError, ServiceError, WorkspaceError
from app.git import Git, Remote, checked_version

TOKEN = "ghs_" + "canary" * 86


class Listener:
    """An HTTP server that records what it is sent and answers with one status and perhaps a Location."""

    def __init__(self, status: int, location: str = "") -> None:
        seen: list[tuple[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append((self.path, self.headers.get("Authorization", "")))
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.seen = seen
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def not_found() -> Iterator[Listener]:
    listener = Listener(404)
    yield listener
    listener.close()


def ls_remote(url: str) -> None:
    Git().run("ls-remote", url, remote=Remote(url=url, token=SecretStr(TOKEN)), timeout_seconds=20)


def test_the_token_travels_as_a_header_and_never_in_an_error(not_found: Listener) -> None:
    with pytest.raises(ServiceError) as caught:
        ls_remote(f"{not_found.url}/octo/hello.git")
    expected = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
    assert not_found.seen[0] == ("/octo/hello.git/info/refs?service=git-upload-pack", f"Basic {expected}")
    assert caught.value.status == 404
    assert not caught.value.retryable
    assert "canary" not in str(caught.value)
    assert expected not in str(caught.value)


def test_t25_the_token_is_for_its_own_host_only(not_found: Listener) -> None:
    """git itself is asked what it would send to whom."""
    remote = Remote(url=f"{not_found.url}/octo/hello.git", token=SecretStr(TOKEN))

    def sent_to(url: str) -> str:
        return Git().run("config", "--get-urlmatch", "http.extraHeader", url, remote=remote, accept=(0, 1)).text

    assert sent_to(f"{not_found.url}/anything").startswith("Authorization: Basic ")
    assert sent_to("http://collector.invalid/octo/hello.git") == ""


def test_a_redirect_is_not_followed_so_the_token_goes_nowhere_else(not_found: Listener) -> None:
    redirecting = Listener(302, location=f"{not_found.url}/elsewhere/info/refs?service=git-upload-pack")
    try:
        with pytest.raises(ServiceError):
            ls_remote(f"{redirecting.url}/octo/hello.git")
    finally:
        redirecting.close()
    assert len(redirecting.seen) == 1
    assert not_found.seen == []


def spy(place: Path, script: str) -> dict[str, str]:
    """Put a script in git's place and return the environment that finds it."""
    (place / "git").write_text(f"#!/bin/sh\n{script}\n")
    (place / "git").chmod(0o755)
    return {"PATH": f"{place}:/usr/bin:/bin"}


def test_the_token_is_in_no_argument_and_no_file(tmp_path: Path) -> None:
    """The only place is the environment of our own child, which other users cannot read."""
    remote = Remote(url="https://example.invalid/o/r.git", token=SecretStr(TOKEN))
    said = Git().run("ls-remote", remote.url, remote=remote, env=spy(tmp_path, 'printf "%s\\n" "$@"')).text
    assert said == "ls-remote\nhttps://example.invalid/o/r.git"
    assert "canary" not in repr(remote)


def test_what_git_says_about_the_token_is_not_repeated(tmp_path: Path) -> None:
    """T63: raw, in base64, and as any other token of that kind."""
    remote = Remote(url="https://example.invalid/o/r.git", token=SecretStr(TOKEN))
    coded = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
    with pytest.raises(ServiceError) as caught:
        Git().run("push", remote=remote, env=spy(tmp_path, f"echo {TOKEN} {coded} ghs_other authorization: x >&2; exit 1"))
    assert str(caught.value).count("[redacted]") == 4
    for secret in ("canary", coded, "other", "x >"):
        assert secret not in str(caught.value)


def test_what_digests_an_agents_bytes_is_bounded_in_memory_and_file_size(tmp_path: Path) -> None:
    env = spy(tmp_path, "ulimit -v; ulimit -f; ulimit -c")
    assert Git().run("version", env=env, caged=True).text.split() == ["4194304", "4194304", "0"]


def test_a_git_that_does_not_want_to_end_is_killed(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(WorkspaceError, match="took longer"):
        Git().run("gc", env=spy(tmp_path, "trap '' TERM; while :; do sleep 0.1; done"), timeout_seconds=0.2)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("url", ["ssh://git@example.invalid/x", "https://user:pw@example.invalid/x", "ext::sh -c id", "git://h/x", "https://h/x\ny"])
def test_only_plain_http_urls_are_taken(url: str) -> None:
    with pytest.raises(ConfigurationError):
        ls_remote(url)


def test_protocols_that_a_call_did_not_ask_for_are_refused(tmp_path: Path) -> None:
    Git().run("init", "--quiet", "--bare", str(tmp_path / "a.git"))
    with pytest.raises(WorkspaceError, match="not allowed"):
        Git().run("ls-remote", f"file://{tmp_path}/a.git")
    with pytest.raises(WorkspaceError, match="not allowed"):
        Git().run("ls-remote", "ext::sh -c true", local_protocol=True)
    assert Git().run("ls-remote", f"file://{tmp_path}/a.git", local_protocol=True).text == ""


def test_no_configuration_of_this_host_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T29: global, XDG and environment configuration, and inherited GIT_* variables, are out of force."""
    marker = tmp_path / "marker"
    (tmp_path / ".gitconfig").write_text(f"[core]\n\tfsmonitor = touch {marker}\n[url \"file:///evil\"]\n\tinsteadOf = https://\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "alias.version")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", f"!touch {marker}")
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    listed = Git().run("config", "--list", "--show-origin").text
    assert {line.split("\t")[0] for line in listed.splitlines()} == {"command line:"}
    assert "evil" not in listed
    assert not marker.exists()


def hostile_repository(place: Path, marker: Path) -> Path:
    """A repository whose own configuration runs a command at every door that host git has (T29)."""
    def run(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=place, check=True, capture_output=True)

    place.mkdir()
    run("init", "-q", ".")
    (place / "file.txt").write_text("one\n")
    run("add", ".")
    run("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "one")
    touch = f"touch {marker}"
    for key in ("core.fsmonitor", "core.pager", "core.sshCommand", "core.askPass", "gpg.program"):
        run("config", key, touch)
    run("config", "credential.helper", f"!{touch}")
    hooks = place / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-checkout", "reference-transaction", "post-index-change", "pre-auto-gc", "post-merge"):
        (hooks / hook).write_text(f"#!/bin/sh\n{touch}\n")
        (hooks / hook).chmod(0o755)
    return place


def test_configuration_of_a_repository_executes_nothing(tmp_path: Path) -> None:
    """T29, with its negative control: the same commands by plain git do run what is planted."""
    marker = tmp_path / "marker"
    place = hostile_repository(tmp_path / "repo", marker)
    git = Git()
    git.run("status", "--porcelain", git_dir=place / ".git", work_tree=place)
    git.run("update-ref", "refs/heads/x", "HEAD", git_dir=place / ".git")
    git.run("read-tree", "--reset", "-u", "HEAD", git_dir=place / ".git", work_tree=place)
    with pytest.raises(WorkspaceError):
        git.run("fetch", "ssh://example.invalid/x", git_dir=place / ".git", local_protocol=True)
    assert not marker.exists()
    subprocess.run(["git", "status"], cwd=place, check=True, capture_output=True)
    assert marker.exists()


def test_an_embedded_bare_repository_is_not_entered(tmp_path: Path) -> None:
    """T32: without --git-dir, a bare repository found on the way is refused."""
    Git().run("init", "--quiet", "--bare", str(tmp_path / "bare"))
    with pytest.raises(WorkspaceError, match=r"safe\.bareRepository"):
        Git().run("-C", str(tmp_path / "bare"), "rev-parse", "--git-dir")


def test_a_silent_server_is_given_up_at_the_deadline_with_all_its_children() -> None:
    silent = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)  # bound, never served
    started = time.monotonic()
    try:
        remote = Remote(url=f"http://127.0.0.1:{silent.server_port}/x.git")
        with pytest.raises(ServiceError) as caught:
            Git().run("ls-remote", remote.url, remote=remote, timeout_seconds=0.5)
    finally:
        silent.server_close()
    assert (caught.value.reason, caught.value.retryable) == ("git_timeout", True)
    assert time.monotonic() - started < 10
    left = subprocess.run(["pgrep", "-f", remote.url], capture_output=True, check=False).stdout
    assert left == b""


def test_output_is_bounded(tmp_path: Path) -> None:
    Git().run("init", "--quiet", "--bare", str(tmp_path / "a.git"))
    big = tmp_path / "big"
    big.write_bytes(os.urandom(300_000))
    blob = Git().run("hash-object", "-w", str(big), git_dir=tmp_path / "a.git").text
    with pytest.raises(WorkspaceError, match="100000 bytes"):
        Git().run("cat-file", "blob", blob, git_dir=tmp_path / "a.git", limit_bytes=100_000)
    cut = Git().run("cat-file", "blob", blob, git_dir=tmp_path / "a.git", limit_bytes=100_000, may_truncate=True)
    assert cut.truncated
    assert len(cut.stdout) == 100_000


@pytest.mark.parametrize("said", ["git version 2.39.3", "git version 2.30", "git version 1.9.1", "no git at all"])
def test_a_git_without_the_mends_is_refused(said: str) -> None:
    """T30."""
    with pytest.raises(ConfigurationError, match=r"Install git 2\.39\.4 or newer"):
        checked_version(said)


def test_the_git_of_debian_12_and_of_this_host_pass() -> None:
    assert checked_version("git version 2.39.5") == "git 2.39.5"
    assert checked_version("git version 2.43.0 (Apple Git-146)") == "git 2.43.0"
    assert Git().check().startswith("git 2.")
