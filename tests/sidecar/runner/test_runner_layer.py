"""What a setup leaves for the host to keep: what git ignores, in one place, and HOME without what agents take for orders."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.sidecar.runner.scene import Scene, git

WISH = {"name": "abc", "directory": ".kept", "leaves_out": [".claude", "CLAUDE.local.md", ".husky"], "home_leaves_out": [".config/opencode"]}


def kept(scene: Scene) -> list[str]:
    root = scene.workspace / ".kept"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


def set_up(scene: Scene, script: str, **more: Any) -> dict[str, Any]:
    scene.shell(script, role="setup", layer=WISH, **more)
    return scene.run()


def remarks(scene: Scene) -> str:
    return "\n".join(line["text"] for line in scene.door.lines if line["stream"] == "runner")


def test_what_git_ignores_is_moved_with_modes_and_links(scene: Scene) -> None:
    end = set_up(scene, """
        mkdir -p node_modules/.bin packages/a/node_modules sub
        echo x > node_modules/tool; chmod 755 node_modules/tool; ln -s ../tool node_modules/.bin/tool
        echo y > packages/a/node_modules/z; echo i > ignored.txt; echo i > sub/ignored.txt
    """)
    assert (end["reason"], end["exit_code"], end["has_bundle"]) == ("exited", 0, False)
    assert kept(scene) == ["ignored.txt", "node_modules/.bin/tool", "node_modules/tool", "packages/a/node_modules/z", "sub/ignored.txt"]
    assert (scene.workspace / ".kept/node_modules/tool").stat().st_mode & 0o777 == 0o755
    assert (scene.workspace / ".kept/node_modules/.bin/tool").readlink() == Path("../tool")
    assert not (scene.workspace / "node_modules").exists()
    assert "kept for this run and later ones" in remarks(scene)


def test_what_is_tracked_or_not_ignored_is_not_kept_and_that_is_said(scene: Scene) -> None:
    set_up(scene, "echo changed > kept.txt; echo new > new.txt; echo x > ignored.txt")
    assert kept(scene) == ["ignored.txt"]
    assert "not kept, because git does not ignore it: kept.txt, new.txt" in remarks(scene)


def test_nothing_installed_is_kept_as_nothing(scene: Scene) -> None:
    set_up(scene, "true")
    assert (scene.workspace / ".kept").is_dir()
    assert kept(scene) == []


@pytest.mark.parametrize("script", ["mkdir -p node_modules; exit 3", "mkdir -p node_modules; kill -9 $$"])
def test_of_a_setup_that_failed_nothing_is_kept(scene: Scene, script: str) -> None:
    assert set_up(scene, script)["exit_code"] != 0
    assert not (scene.workspace / ".kept").exists()


def test_t27_configuration_of_agents_is_left_out(scene: Scene) -> None:
    """A dependency's install script must not write what the agent will read as its settings."""
    (scene.workspace / ".gitignore").write_text("ignored.txt\n.claude/\n*.local.md\n.husky/_\n")
    (scene.workspace / "sub").mkdir()
    (scene.workspace / "sub" / "code.txt").write_text("code\n")
    git(scene.workspace, "add", "--all")
    git(scene.workspace, "commit", "-qm", "more is ignored")
    end = set_up(scene, """
        mkdir -p .claude .husky/_ $HOME/.claude $HOME/.config/opencode $HOME/.tool $HOME/real/opencode
        echo evil | tee .claude/settings.local.json .husky/_/pre-commit sub/CLAUDE.local.md $HOME/.claude/settings.json \
            $HOME/.config/opencode/opencode.json $HOME/.tool/said >/dev/null
        echo x > ignored.txt
    """)
    assert end["reason"] == "exited", end
    assert kept(scene) == ["ignored.txt"]
    assert sorted(path.name for path in scene.home.iterdir()) == [".config", ".tool", "real"]
    assert list((scene.home / ".config").iterdir()) == []
    assert "agents would take it for their configuration" in remarks(scene)


def test_t27_a_link_on_the_way_hides_no_configuration_in_home(scene: Scene) -> None:
    set_up(scene, "mkdir -p $HOME/elsewhere/opencode; echo evil > $HOME/elsewhere/opencode/opencode.json; ln -s elsewhere $HOME/.config")
    assert not (scene.home / ".config/opencode").exists()


@pytest.mark.parametrize("way", [
    "mkdir -p node_modules/cfg/opencode; ln -s $PWD/node_modules/cfg $HOME/.config", "ln -s $PWD/sub $HOME/.config", "ln -s .config $HOME/.config", "touch $HOME/.config",
], ids=["installed", "tracked", "loop", "file"])
def test_t27_a_link_out_of_home_on_the_way_goes(scene: Scene, way: str) -> None:
    """What it leads to in the next sandbox (a directory of the layer, of the commit) is not what it leads to while this is made."""
    end = set_up(scene, f"{way}; mkdir -p $HOME/.tool")
    assert end["reason"] == "exited", end
    assert [path.name for path in scene.home.iterdir()] == [".tool"]
    assert "~/.config" in remarks(scene)


@pytest.mark.parametrize(("word", "told"), [
    ("echo new.txt >> .git/info/exclude", "does not ignore it: new.txt"), ("echo new.txt >> .gitignore", "does not ignore it: .gitignore, new.txt"),
    ("mkdir -p sub; echo new.txt > sub/.gitignore; mv new.txt sub", "does not ignore it: sub/.gitignore, sub/"),
], ids=["exclude", "changed", "added"])
def test_what_only_the_setup_has_git_ignore_is_not_kept(scene: Scene, word: str, told: str) -> None:
    """Nothing would ignore it in the agent's sandbox, so that it would be in each result."""
    set_up(scene, f"echo evil > new.txt; {word}; mkdir -p own; echo '*' > own/.gitignore; echo x | tee own/tool ignored.txt")
    assert kept(scene) == ["ignored.txt", "own/.gitignore", "own/tool"]
    assert told in remarks(scene)


@pytest.mark.parametrize("trap", [
    "mkdir .kept; echo mine > .kept/evil", "ln -s /etc .kept", "echo x > .kept", "mkfifo .kept",
], ids=["directory", "link", "file", "pipe"])
def test_what_stands_where_it_is_put_goes(scene: Scene, trap: str) -> None:
    assert set_up(scene, f"{trap}; echo x > ignored.txt")["reason"] == "exited"
    assert kept(scene) == ["ignored.txt"]


@pytest.mark.parametrize("trap", [
    "git config core.worktree /etc", "git config core.fsmonitor 'touch $HOME/ran; false'", "printf '#!/bin/sh\\ntouch $HOME/ran\\n' > .git/hooks/post-index-change; chmod +x .git/hooks/post-index-change",
    "touch .git/index.lock", "git rm -q --cached kept.txt; echo kept.txt >> .git/info/exclude",
], ids=["worktree", "fsmonitor", "hook", "lock", "index"])
def test_t29_nothing_that_a_setup_made_of_its_repository_decides_or_runs(scene: Scene, trap: str) -> None:
    end = set_up(scene, f"{trap}; echo x > ignored.txt")
    assert end["reason"] == "exited", end
    assert "ignored.txt" in kept(scene)
    assert not (scene.home / "ran").exists()
    assert not any(name.startswith(("..", ".git/")) for name in kept(scene))


def test_a_tree_that_is_too_deep_to_be_removed_is_said(scene: Scene) -> None:
    deep = "import os\nos.mkdir('.kept')\nos.chdir('.kept')\nfor _ in range(3000):\n    os.mkdir('d')\n    os.chdir('d')\n"
    end = set_up(scene, f"python3 -c '{deep.replace(chr(39), chr(34))}'")
    assert end["reason"] == "refused"
    assert "could not be kept" in end["text"]
    subprocess.run(["rm", "-rf", str(scene.workspace / ".kept")], check=True, timeout=60)


def test_a_repository_that_is_gone_is_said(scene: Scene) -> None:
    end = set_up(scene, "rm -rf .git; echo x > ignored.txt")
    assert end["reason"] == "refused"
    assert "could not be kept" in end["text"]


def test_t39_a_home_that_would_keep_every_later_run_from_beginning_is_not_kept(scene: Scene) -> None:
    end = set_up(scene, "rm -rf $HOME/.cargo; ln -s /tmp $HOME/.cargo", files={".cargo/config.toml": "x\n"})
    assert end["reason"] == "refused"
    assert "leads out of HOME" in end["text"]


def test_processes_that_stay_are_gone_before_anything_is_moved(scene: Scene) -> None:
    set_up(scene, "(while :; do mkdir -p node_modules; date >> node_modules/clock; done) & mkdir -p node_modules; echo x > node_modules/x")
    assert not (scene.workspace / "node_modules").exists()
