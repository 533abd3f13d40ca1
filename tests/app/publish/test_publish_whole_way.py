"""From a mirror to a branch, with every part real: workspace, agent, bundle, quarantine, verify's files, push."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from pydantic import SecretStr

from app.core.event import Actor, Repo
from app.core.grant import Credential, Grant
from app.core.profile import Limits, PullRequestPolicy
from app.emulators.github import GitHubEmulator, serve
from app.execute.workspace import Workspaces
from app.publish.commit import commit_message, make_commit
from app.publish.policy import check
from app.publish.push import push
from app.publish.quarantine import import_bundle
from app.settings import Settings
from tests.app.emulators.github.github_kit import minted, seed
from tests.app.publish.hostile import ENV

REPO = Repo(id=1001, full_name="octo/hello", default_branch="main", installation_id=55)
UID = 10001 if os.geteuid() == 0 else os.geteuid()


def credential(token: str) -> Credential:
    grant = Grant(purpose="publish", repo=REPO, permissions={"contents": "write"})
    return Credential(id="x", grant=grant, token=SecretStr(token), expires_at="2030-01-01T00:00:00Z")


def test_the_whole_way(tmp_path: Path) -> None:
    state = tmp_path / "state"
    workspaces = Workspaces(Settings(state_dir=state))
    with GitHubEmulator(tmp_path / "github", seed(tmp_path / "app.pem")) as github, serve(github):
        url = f"{github.web_url}/octo/hello.git"
        base = workspaces.fetch(REPO, url, credential(minted(github, {"contents": "read"})))
        prepared = workspaces.prepare(REPO, base, "abcdefabcdef-work", UID, UID)

        # The sandbox, as a copy in place of an overlay mount: the agent works, the runner bundles.
        inside = tmp_path / "workspace"
        subprocess.run(["cp", "-a", str(prepared.lower), str(inside)], check=True)
        subprocess.run(["chown", "-R", f"{os.geteuid()}", str(inside)], check=True)
        (inside / "src" / "app.py").write_text("print('hi, world')\n")
        subprocess.run(["git", "commit", "-qam", "work"], cwd=inside, check=True, env=ENV)
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=inside, check=True, env=ENV, capture_output=True).stdout.decode().strip()
        bundle = state / "bundles" / "abcdefabcdef-work"
        bundle.parent.mkdir()
        subprocess.run(["git", "bundle", "create", "-q", str(bundle), f"{base}..HEAD"], cwd=inside, check=True, env=ENV)

        candidate = import_bundle(
            workspaces.git, state, "abcdefabcdef", bundle, workspaces.mirror(REPO), base, head, limits=Limits()
        )
        assert candidate is not None
        check(candidate.changes, candidate.patch_bytes, Limits(), PullRequestPolicy()).enforce()
        message = commit_message(
            title="Greet", body="", run_id="abcdefabcdef", requester=Actor(id="101", login="alice", kind="person"), hold_ci=True
        )
        commit = make_commit(workspaces.git, candidate, message, name="bellhop[bot]", email="b@b.invalid", date_seconds=1)

        verify = workspaces.prepare_result(candidate.git_dir, commit, "abcdefabcdef-verify", UID, UID, branch="main")
        assert (verify.lower / "src" / "app.py").read_text() == "print('hi, world')\n"
        assert (verify.lower / "src" / "app.py").stat().st_uid == UID

        pushed = push(workspaces.git, candidate.git_dir, commit, url, "bellhop/k2m3n4p5", credential(minted(github, {"contents": "write"})))
        assert github.branches("octo/hello") == {"main": base, "bellhop/k2m3n4p5": pushed}
        assert github.read("octo/hello", pushed, "src/app.py") == "print('hi, world')\n"

    for sandbox_id in ("abcdefabcdef-work", "abcdefabcdef-verify"):
        workspaces.discard(sandbox_id)
    workspaces.discard_run("abcdefabcdef")
    assert [path.name for name in ("scratch", "quarantine", "bundles") for path in (state / name).iterdir()] == []
