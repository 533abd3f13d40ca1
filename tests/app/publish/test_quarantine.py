"""Hostile bundles against the quarantine: what is refused, with which reason, and that nothing runs."""

from __future__ import annotations

import os
import subprocess
import zlib
from pathlib import Path

import pytest

from app.core.profile import Limits
from app.errors import PublishRefused, WorkspaceError
from app.git import Git
from app.publish.candidate import FileChange, checked_path
from app.publish.quarantine import import_bundle
from tests.app.publish.hostile import ENV, Agent


def digest(mirror: Path) -> list[tuple[str, int, int]]:
    return sorted((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in mirror.rglob("*"))


def refused(agent: Agent, head: str, bundle: Path | None = None) -> str:
    """Return the reason of the refusal, after checking that the person is told and nothing is left."""
    with pytest.raises(PublishRefused) as caught:
        agent.send(bundle or agent.bundle(head), head)
    assert len(str(caught.value)) > 30
    assert not (agent.state / "quarantine" / agent.run_id).exists()
    return caught.value.reason


def test_an_honest_change_comes_through_with_its_facts(agent: Agent) -> None:
    before = digest(agent.mirror)
    (agent.place / "docs" / "a.md").unlink()
    agent.write("bin/run", "#!/bin/sh\n")
    (agent.place / "bin" / "run").chmod(0o755)
    (agent.place / "logo.png").write_bytes(b"\x89PNG\0\1\2")
    head = agent.write("hello.py", "print('hello')\nprint('world')\n")
    found = agent.propose(head)
    assert (found.base_commit, found.head_commit, found.tree) == (agent.base, head, agent.git("rev-parse", f"{head}^{{tree}}"))
    assert found.changes == (
        FileChange(path="bin/run", status="A", old_mode="000000", new_mode="100755", size=10, added=1, deleted=0),
        FileChange(path="docs/a.md", status="D", old_mode="100644", new_mode="000000", size=0, added=0, deleted=1),
        FileChange(path="hello.py", status="M", old_mode="100644", new_mode="100644", size=30, added=1, deleted=0),
        FileChange(path="logo.png", status="A", old_mode="000000", new_mode="100644", size=7),
    )
    assert "+print('world')" in found.patch
    assert found.patch_bytes == len(found.patch) + 7
    assert not found.patch_truncated
    assert digest(agent.mirror) == before


def test_the_quarantine_holds_only_what_was_checked(agent: Agent) -> None:
    found = agent.propose(agent.write("hello.py", "1\n"))
    assert sorted(path.name for path in found.git_dir.parent.iterdir()) == ["checked.git"]
    assert not (found.git_dir / "hooks").exists()
    assert not (found.git_dir / "index").exists()


def test_doing_it_twice_gives_the_same(agent: Agent) -> None:
    head = agent.write("hello.py", "1\n")
    assert agent.propose(head) == agent.propose(head)


def test_a_result_with_the_same_files_is_nothing_to_do(agent: Agent) -> None:
    agent.write("hello.py", "changed\n")
    head = agent.write("hello.py", "print('hello')\n")
    assert agent.send(agent.bundle(head), head) is None
    assert not (agent.state / "quarantine" / agent.run_id).exists()


def test_a_merge_of_older_work_and_names_in_other_scripts_are_fine(agent: Agent) -> None:
    side = agent.commit(agent.git("rev-parse", f"{agent.base}^{{tree}}"))
    agent.git("merge", "-q", "-m", "merge", side)
    head = agent.write("grüße/日本 語.txt", "ok\n")
    assert [change.path for change in agent.propose(head).changes] == ["grüße/日本 語.txt"]


def test_files_that_git_checks_closely_may_stay_as_they_are(tmp_path: Path, agent: Agent) -> None:
    """A .gitmodules or .gitattributes that was there before must not stop a change beside it."""
    (agent.place / ".gitmodules").write_text('[submodule "s"]\n\tpath = s\n\turl = https://example.invalid/s\n')
    (agent.place / ".gitattributes").write_text("*.txt text\n")
    agent.base = agent.write("x", "x\n")
    agent.mirror = tmp_path / "mirror2.git"
    agent.git("clone", "-q", "--mirror", "--no-hardlinks", str(agent.place), str(agent.mirror))
    assert [change.path for change in agent.propose(agent.write("y", "y\n")).changes] == ["y"]


@pytest.mark.parametrize("name", [b".git", b".GIT", b".Git", b"git~1", b".g\xe2\x80\x8cit", b"..", b".", b"../evil", b"a/b"])
@pytest.mark.parametrize("nested", [False, True])
def test_names_that_lead_out_of_a_checkout(agent: Agent, name: bytes, nested: bool) -> None:
    """T34: git's own check refuses them on the way into the second repository."""
    tree = agent.tree(("100644", name, agent.blob(b"evil")))
    if nested:
        tree = agent.tree(("40000", b"sub", tree))
    assert refused(agent, agent.commit(tree)) == "bad_objects"


def test_git_alone_would_let_them_pass(agent: Agent) -> None:
    """The negative control: without the check on the second way, `.git/config` is in the repository."""
    tree = agent.tree(("40000", b".git", agent.tree(("100644", b"config", agent.blob(b"[core]")))))
    head = agent.commit(tree)
    place = agent.place.parent / "plain.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(agent.mirror), str(place)], check=True, env=ENV)
    subprocess.run(["git", "bundle", "unbundle", str(agent.bundle(head))], cwd=place, check=True, env=ENV, capture_output=True)
    assert refused(agent, head) == "bad_objects"


@pytest.mark.parametrize("name", [b"a\nb", b"a\x1b[31mb", b"a\rb", b"a\x7f", "a\u202eb".encode(), "a\u200bb".encode(), b"latin-\xe9"])
def test_names_that_cannot_be_read_as_what_they_are(agent: Agent, name: bytes) -> None:
    """T70: control, bidirectional and undecodable names, with the name itself shown harmlessly."""
    head = agent.commit(agent.tree(("100644", name, agent.blob(b"x"))))
    assert refused(agent, head) == "odd_path"
    with pytest.raises(PublishRefused) as caught:
        checked_path(name)
    assert str(caught.value).isprintable()


def test_a_gitmodules_file_that_git_would_act_on(agent: Agent) -> None:
    """T30."""
    modules = agent.blob(b'[submodule "x"]\n\tpath = x\n\turl = --upload-pack=touch /tmp/x\n')
    head = agent.commit(agent.tree(("100644", b".gitmodules", modules)))
    assert refused(agent, head) == "bad_objects"


def test_a_gitmodules_file_that_is_a_link(agent: Agent) -> None:
    head = agent.commit(agent.tree(("120000", b".gitmodules", agent.blob(b"hello.py"))))
    assert refused(agent, head) == "bad_objects"


@pytest.mark.parametrize(
    "content",
    [
        b"", b"garbage", b"# v2 git bundle\n", b"# v2 git bundle\n\nnot a pack", b"\n\n", b"# v9 git bundle\n\nPACK\0\0\0\2\0\0\0\0",
        b"# v3 git bundle\n@filter=blob:none\n\nPACK\0\0\0\2\0\0\0\1", b"# v2 git bundle\n" + b"0" * 100_000,
        b"# v2 git bundle\n\nPACK\0\0\0\2\0\0\0\1" + zlib.compress(b"x") + b"\0" * 20,
    ],
)
def test_garbage_is_no_bundle(agent: Agent, content: bytes) -> None:
    path = agent.place.parent / "garbage"
    path.write_bytes(content)
    assert refused(agent, "a" * 40, path) == "bad_bundle"


def test_a_bundle_that_leaves_objects_out(agent: Agent) -> None:
    """A filter would have git take missing objects for granted."""
    head = agent.write("hello.py", "1\n")
    with pytest.raises(PublishRefused, match="capability"):
        agent.send(agent.bundle(head, "--filter=blob:none"), head)


def test_a_bundle_that_was_damaged_on_the_way(agent: Agent) -> None:
    head = agent.write("hello.py", "1\n")
    path = agent.bundle(head)
    data = bytearray(path.read_bytes())
    data[-40] ^= 0xFF
    path.write_bytes(data)
    assert refused(agent, head, path) == "bad_bundle"


def test_more_objects_than_anybody_needs_are_not_unpacked(agent: Agent) -> None:
    path = agent.place.parent / "many"
    path.write_bytes(b"# v2 git bundle\n\nPACK\0\0\0\2" + (100_001).to_bytes(4, "big") + b"x" * 100)
    assert refused(agent, "a" * 40, path) == "too_many_objects"


def test_a_bundle_larger_than_allowed_is_not_read_to_its_end(agent: Agent) -> None:
    path = agent.place.parent / "huge"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a terabyte of nothing
    assert refused(agent, "a" * 40, path) == "bundle_too_large"


def test_only_a_plain_file_is_a_bundle(agent: Agent) -> None:
    """T33: a link, a named pipe, a directory, nothing at all."""
    place = agent.place.parent
    (place / "link").symlink_to("/etc/passwd")
    os.mkfifo(place / "fifo")
    for path in (place / "link", place / "fifo", place, place / "nothing"):
        assert refused(agent, "a" * 40, path) == "no_bundle"


def test_a_bundle_whose_prerequisites_are_not_here(agent: Agent) -> None:
    unknown = agent.write("hello.py", "1\n")
    head = agent.write("hello.py", "2\n")
    path = agent.place.parent / "thin"
    agent.git("bundle", "create", "--quiet", str(path), f"{unknown}..HEAD")
    assert refused(agent, head, path) == "bad_bundle"


def test_the_head_must_be_what_was_claimed(agent: Agent) -> None:
    head = agent.write("hello.py", "1\n")
    path = agent.bundle(head)
    assert refused(agent, "a" * 40, path) == "bad_head"
    assert refused(agent, agent.git("rev-parse", f"{head}^{{tree}}"), path) == "bad_head"
    assert refused(agent, agent.git("rev-parse", f"{head}:hello.py"), path) == "bad_head"
    assert refused(agent, "HEAD", path) == "bad_head"
    assert refused(agent, f"--all{'a' * 35}", path) == "bad_head"


def test_a_tag_is_no_head(agent: Agent) -> None:
    agent.write("hello.py", "1\n")
    agent.git("tag", "-a", "-m", "t", "t")
    path = agent.place.parent / "tag"
    agent.git("bundle", "create", "--quiet", str(path), f"{agent.base}..t")
    assert refused(agent, agent.git("rev-parse", "t"), path) == "bad_head"


def test_the_result_must_build_on_the_base(agent: Agent) -> None:
    tree = agent.git("rev-parse", f"{agent.base}^{{tree}}")
    orphan = agent.git("commit-tree", tree, "-m", "orphan")
    path = agent.place.parent / "orphan"
    agent.git("update-ref", "refs/heads/orphan", orphan)
    agent.git("bundle", "create", "--quiet", str(path), "orphan")
    assert refused(agent, orphan, path) == "base_not_ancestor"


def test_refs_of_any_name_in_a_bundle_are_not_looked_at(agent: Agent) -> None:
    """Even one that would replace an object, or look like an option."""
    head = agent.write("hello.py", "1\n")
    lines = agent.bundle(head).read_bytes().split(b"\n")
    at = next(number for number, text in enumerate(lines) if text.endswith(b"refs/heads/out"))
    lines[at : at + 1] = [
        head.encode() + b" " + name
        for name in (b"refs/replace/" + agent.base.encode(), b"refs/heads/--force", b"refs/bellhop/base", b"../../evil", b"HEAD:x*")
    ]
    path = agent.place.parent / "odd"
    path.write_bytes(b"\n".join(lines))
    found = agent.send(path, head)
    assert found is not None
    refs = Git().run("for-each-ref", "--format=%(refname) %(objectname)", git_dir=found.git_dir).text
    assert refs.splitlines() == [f"refs/bellhop/base {agent.base}", f"refs/bellhop/head {head}"]


def test_a_pack_that_inflates_without_end_is_bounded(agent: Agent) -> None:
    """A blob of zeros, a thousand times its packed size: counted as binary, its content never in the patch."""
    head = agent.commit(agent.tree(("100644", b"zeros", agent.blob(b"\0" * (64 << 20)))))
    found = agent.propose(head)
    assert found.changes[-1].path == "zeros"
    assert (found.changes[-1].size, found.changes[-1].added) == (64 << 20, None)
    assert found.patch_bytes > 64 << 20
    assert len(found.patch) < 2000


def test_the_patch_is_cut_at_the_profiles_limit(agent: Agent) -> None:
    head = agent.write("long.txt", "x" * 79 + "\n" + "y\n" * 2000)
    found = agent.propose(head, Limits(max_patch_kb=1))
    assert found.patch_truncated
    assert (len(found.patch), found.patch_bytes) == (1024, 1024)


def test_a_hundred_thousand_files(agent: Agent) -> None:
    """T35: refused by their number, without reading names or contents one by one."""
    blob = agent.blob(b"x")
    head = agent.commit(agent.tree(*[("100644", b"f%06d" % number, blob) for number in range(100_000)]))
    assert refused(agent, head) == "too_many_files"


def test_nothing_that_an_agent_planted_runs_on_the_host(agent: Agent) -> None:
    """T29: its own repository is armed at every door; only its bundle is ever touched."""
    marker = agent.place.parent / "marker"
    touch = f"touch {marker}"
    hooks = agent.place / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-checkout", "pre-push", "reference-transaction", "update", "pre-receive", "post-update", "post-index-change"):
        (hooks / hook).write_text(f"#!/bin/sh\n{touch}\n")
        (hooks / hook).chmod(0o755)
    agent.write(".gitattributes", "* filter=evil diff=evil merge=evil\n")
    agent.write(".gitconfig", "[core]\n\tfsmonitor = evil\n")
    head = agent.write(".lfsconfig", "[lfs]\n\turl = http://127.0.0.1:9/\n")
    bundle = agent.bundle(head)
    for key in ("core.fsmonitor", "core.pager", "core.sshCommand", "diff.external", "uploadpack.packObjectsHook", "gpg.program",
                "filter.evil.clean", "filter.evil.smudge", "diff.evil.command", "diff.evil.textconv"):
        agent.git("config", key, touch)
    marker.unlink(missing_ok=True)
    found = agent.send(bundle, head)
    assert found is not None
    assert len(found.changes) == 3
    assert not marker.exists()


def test_a_mirror_without_the_base_is_this_hosts_failure(agent: Agent) -> None:
    """Not the person's: it is not said to be refused."""
    head = agent.write("hello.py", "1\n")
    with pytest.raises(WorkspaceError):
        import_bundle(Git(), agent.state, agent.run_id, agent.bundle(head), agent.mirror, "a" * 40, head, limits=Limits())


@pytest.mark.parametrize("run_id", ["../../x", "", "A", "a/b"])
def test_a_run_id_never_leads_elsewhere(agent: Agent, run_id: str) -> None:
    agent.run_id = run_id
    with pytest.raises(PublishRefused):
        agent.send(agent.place, agent.base)
    assert not agent.state.exists()
