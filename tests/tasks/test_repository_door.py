"""`/git` and `/github` on a real door, over an emulated GitHub: what passes, what does not, and whose token it takes."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from app.emulators.github import Fault
from app.ledger import audit, sandboxes, steps
from tests.tasks.at_the_door import door, git_inside, loopback, workers_awake
from tests.tasks.scene import Scene, profile, until

REPO = "/github/repos/octo/hello"
FETCH = "/git/octo/hello.git/info/refs?service=git-upload-pack"
Git = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_id(scene: Scene) -> Iterator[str]:
    scene.profiles["fix"] = profile(permissions={"contents": "read", "issues": "read"})
    found = scene.started()
    with workers_awake(scene):
        yield found


@pytest.fixture
def inside(scene: Scene, run_id: str) -> Iterator[httpx.Client]:
    with door(scene, run_id) as client:
        yield client


@pytest.fixture
def git(scene: Scene, run_id: str, tmp_path: Path) -> Iterator[Git]:
    home = tmp_path / "home"
    home.mkdir()
    with loopback(scene, run_id) as port:
        yield git_inside(scene, run_id, port, home)


def used(scene: Scene, run_id: str) -> list[tuple[str, str, str]]:
    with scene.database.read() as tx:
        rows = [row for row in audit.of_run(tx, run_id) if row.action in ("git", "github")]
    assert all(row.credential_id.startswith(("ghs-", "-")) for row in rows)
    return [(row.action, row.target, row.verdict) for row in rows]


def tokens(scene: Scene) -> list[str]:
    return [token.value for token in scene.github.live_tokens()]


def test_reading_the_repository_works_and_every_use_is_on_record(scene: Scene, run_id: str, inside: httpx.Client) -> None:
    assert tokens(scene) == [], "nothing is minted before it is asked for"
    assert inside.get(REPO).raise_for_status().json()["full_name"] == "octo/hello"
    found = inside.get(f"{REPO}/issues?state=all&per_page=1").raise_for_status()
    assert found.json()[0]["title"] == "It breaks"
    assert inside.head(REPO).status_code == 200
    [token] = scene.github.live_tokens()
    assert token.repository_ids == {1001}
    assert token.permissions == {"metadata": "read", "contents": "read", "issues": "read"}
    assert used(scene, run_id) == [
        ("github", "GET /repos/octo/hello", "200"), ("github", "GET /repos/octo/hello/issues?state=all&per_page=1", "200"),
        ("github", "HEAD /repos/octo/hello", "200"),
    ]


def test_git_clones_and_fetches_as_anywhere(scene: Scene, run_id: str, git: Git, tmp_path: Path) -> None:
    for number, address in enumerate((
        f"{scene.github.web_url}/octo/hello.git", f"{scene.github.web_url}/octo/hello", "git@127.0.0.1:octo/hello.git",
    )):
        done = git("clone", address, f"clone{number}")
        assert done.returncode == 0, done.stderr
    clone = tmp_path / "home" / "clone0"
    assert (clone / "README.md").read_text() == "hello\n"
    scene.github.person("alice").push("octo/hello", "main", {"NEW.md": "new\n"})
    done = git("fetch", "origin", cwd=clone)
    assert done.returncode == 0, done.stderr
    assert git("show", "origin/main:NEW.md", cwd=clone).stdout == "new\n"
    shallow = git("clone", "--depth=1", "--filter=blob:none", f"{scene.github.web_url}/octo/hello.git", "shallow")
    assert shallow.returncode == 0, shallow.stderr
    assert ("git", "GET /octo/hello.git/info/refs?service=git-upload-pack", "200") in used(scene, run_id)


def test_the_prepared_checkout_fetches_from_its_remote(scene: Scene, run_id: str, git: Git, tmp_path: Path) -> None:
    [base] = (scene.settings.state_dir / "bases").glob("1001-*/tree")
    # What a sandbox has is a layer over this; here a copy stands for it.
    subprocess.run(["cp", "-r", str(base), str(tmp_path / "home" / "workspace")], check=True)
    workspace = tmp_path / "home" / "workspace"
    done = git("-c", "safe.directory=*", "fetch", "origin", cwd=workspace)
    assert done.returncode == 0, done.stderr
    assert git("-c", "safe.directory=*", "rev-parse", "origin/main", cwd=workspace).stdout.strip() == scene.run(run_id).base_commit


def test_t56_nothing_is_pushed_and_no_other_repository_is_read(scene: Scene, run_id: str, git: Git, tmp_path: Path) -> None:
    web = scene.github.web_url
    assert git("clone", f"{web}/octo/hello.git", "clone").returncode == 0
    clone = tmp_path / "home" / "clone"
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--allow-empty", "-m", "mine", cwd=clone)
    own = git("push", "origin", "HEAD:refs/heads/evil", cwd=clone)
    other = git("push", f"http://x:ghs_stolen@{web.removeprefix('http://')}/evil/r.git", "HEAD:main", cwd=clone)
    foreign = git("ls-remote", f"{web}/octo/secret.git")
    assert 0 not in (own.returncode, other.returncode, foreign.returncode)
    assert "nothing is pushed from inside" in own.stderr
    assert "only octo/hello can be read here" in foreign.stderr
    assert scene.github.branches("octo/hello").keys() == {"main"}
    with scene.database.read() as tx:
        denied = [step.text for step in steps.of_sandbox(tx, run_id, f"{run_id}-work") if step.kind == "denied"]
    assert any("git-receive-pack: nothing is pushed from inside" in text for text in denied)
    assert any("/git/octo/secret.git" in text for text in denied)


@pytest.mark.parametrize(("method", "path", "body"), [
    ("POST", f"{REPO}/issues/1/comments", {"body": "out"}), ("POST", "/github/gists", {"files": {"a": {"content": "out"}}}),
    ("POST", "/github/graphql", {"query": "mutation { x }"}), ("PUT", f"{REPO}/contents/x", {"content": "eA=="}),
    ("GET", "/github/repos/octo/secret", None), ("GET", "/github/repos/evil/r/issues", None), ("GET", f"{REPO}/../secret", None),
    ("GET", "/github/repos/OCTO/hello", None), ("GET", "/github/user", None), ("GET", "/github/installation/repositories", None),
    ("DELETE", "/github/installation/token", None), ("POST", "/git/octo/hello.git/git-receive-pack", None),
])
def test_t56_no_way_out_through_github(
    scene: Scene, run_id: str, inside: httpx.Client, method: str, path: str, body: object
) -> None:
    # The client would tidy up the path.
    request = inside.build_request(method, "http://door/", json=body, headers={"authorization": "Bearer ghs_own", "x-http-method-override": "POST"})
    request.url = request.url.copy_with(raw_path=path.encode())
    answer = inside.send(request)
    assert answer.status_code == 403, answer.text
    assert "Bellhop" in answer.text
    assert tokens(scene) == []
    assert len(scene.comments()) == 1, "Bellhop's own"
    assert used(scene, run_id)[0][2].startswith("refused: ")


def test_lfs_is_refused_in_words_that_its_client_prints(run_id: str, inside: httpx.Client) -> None:
    answer = inside.post("/git/octo/hello.git/info/lfs/objects/batch", json={"operation": "download"})
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("application/vnd.git-lfs+json")
    assert "Git LFS objects do not pass" in answer.json()["message"]


def test_t49_beyond_the_grant_github_says_no_itself(scene: Scene, run_id: str, inside: httpx.Client) -> None:
    scene.github.repository("octo/hello").private = True
    answer = inside.get(f"{REPO}/commits/main/check-runs")
    assert (answer.status_code, answer.json()["message"]) == (403, "Resource not accessible by integration")
    assert used(scene, run_id)[-1] == ("github", "GET /repos/octo/hello/commits/main/check-runs", "403")


def test_t48_no_token_is_anywhere_in_the_sandbox(scene: Scene, run_id: str, git: Git, inside: httpx.Client, tmp_path: Path) -> None:
    assert git("clone", f"{scene.github.web_url}/octo/hello.git", "clone").returncode == 0
    inside.get(REPO).raise_for_status()
    [token] = tokens(scene)
    forms = [token.encode(), base64.b64encode(f"x-access-token:{token}".encode()), token[::-1].encode()]
    places = [tmp_path / "home", scene.settings.state_dir / "bases", scene.settings.state_dir / "scratch",
              scene.settings.runtime_dir / "doors"]
    read = [path.read_bytes() for place in places for path in place.rglob("*") if path.is_file()]
    with scene.database.read() as tx:
        [row] = sandboxes.of_run(tx, run_id)
    read += [row.assignment.model_dump_json().encode(), *(file.read_bytes() for file in scene.settings.state_dir.glob("ledger.db*"))]
    assert len(read) > 10
    assert not [form for form in forms for data in read if form in data]


def test_t57_an_echo_gives_the_token_away_neither_in_body_nor_header(scene: Scene, run_id: str, inside: httpx.Client) -> None:
    inside.get(REPO).raise_for_status()
    [token] = tokens(scene)
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    scene.github.fault(Fault(path=r"/repos/octo/hello$", status=200, body={"echo": [token, basic]}, headers={"etag": token}))
    answer = inside.get(REPO)
    assert answer.json() == {"echo": ["[redacted]", "[redacted]"]}
    assert token not in str(answer.headers)


def test_t57_a_redirect_is_not_followed(scene: Scene, run_id: str, inside: httpx.Client) -> None:
    scene.github.fault(Fault(path=r"/tarball/main$", status=302, headers={"location": "http://evil.invalid/"}))
    answer = inside.get(f"{REPO}/tarball/main")
    assert answer.status_code == 403
    assert "redirect (302), which is not followed" in answer.json()["message"]
    assert "location" not in answer.headers
    scene.github.rename_repository("octo/hello", "renamed")
    answer = inside.get(FETCH)
    assert (answer.status_code, "renamed" in answer.text) == (403, True)


def test_t50_when_the_sandbox_is_over_its_token_is_dead(scene: Scene, run_id: str, inside: httpx.Client) -> None:
    inside.get(REPO).raise_for_status()
    assert len(tokens(scene)) == 1
    scene.work(run_id, {"README.md": "hello, world\n"})
    until(lambda: scene.run(run_id).outcome)
    assert scene.outcome(run_id).kind == "pull_request"
    # What was minted is taken back right after the outcome is on file.
    until(lambda: tokens(scene) == [])
    # Off the file a moment after it was revoked.
    until(lambda: list(scene.settings.credentials_dir.glob("*.json*")) == [])


def test_r30_who_lost_the_right_reads_nothing_more(scene: Scene, run_id: str, inside: httpx.Client) -> None:
    scene.github.set_role("octo/hello", "alice", "read")
    answer = inside.get(REPO)
    assert answer.status_code == 403
    assert "alice may no longer write" in answer.json()["message"]
    assert tokens(scene) == []


def test_r30_an_app_that_was_uninstalled_is_an_honest_no(scene: Scene, run_id: str, inside: httpx.Client) -> None:
    inside.get(REPO).raise_for_status()
    scene.github.uninstall(55)
    answer = inside.get(REPO)
    assert answer.status_code == 403
    assert "not installed" in answer.json()["message"]


def test_what_a_run_may_ask_is_bounded(scene: Scene, run_id: str, inside: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.execute.gateway.repository.surface.MOST_REQUESTS", 2)
    assert [inside.get(REPO).status_code for _ in range(4)] == [200, 200, 403, 403]
    assert len([row for row in used(scene, run_id) if row[2] == "200"]) == 2


def test_a_verification_has_no_way_to_the_repository(scene: Scene) -> None:
    scene.profiles["fix"] = profile(verify="true")
    run_id = scene.started()
    scene.work(run_id, {"README.md": "hello, world\n"})
    scene.pump()
    with scene.database.read() as tx:
        work, verify = sandboxes.of_run(tx, run_id)
    assert work.assignment.env["GITHUB_API_URL"] == "http://127.0.0.1:4117/github"
    assert not {"GITHUB_API_URL", "GIT_CONFIG_COUNT"} & verify.assignment.env.keys()
    for path in (REPO, FETCH):
        assert scene.runner(run_id, "verify").get(path).status_code == 404
