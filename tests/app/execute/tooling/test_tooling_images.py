"""The tree at work, sealed as a sandbox is, on three images: Debian without Python or git, busybox without a libc, and nothing."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import docker
import pytest

from app.execute.sandboxes.docker.engine import Engine
from app.execute.tooling import deb, layout
from app.execute.tooling.tree import Tree
from app.execute.tooling.volume import AgentVolumes

pytestmark = pytest.mark.docker

DEBIAN, BUSYBOX, EMPTY = "bellhop-test/debian:bookworm", "bellhop-test/busybox:static", "bellhop-test/empty:0"
IMAGES = (DEBIAN, BUSYBOX, EMPTY)
PATH = f"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:{layout.BIN}"


class Done(NamedTuple):
    code: int
    out: str
    err: str


class Box(NamedTuple):
    """Runs a command in a sealed container with the volume at /agent."""

    volume: str

    def run(self, image: str, *argv: str, env: dict[str, str] | None = None, with_agent: bool = True) -> Done:
        variables = {"PATH": PATH if with_agent else PATH.removesuffix(f":{layout.BIN}"), "HOME": "/tmp", **(env or {})}
        done = subprocess.run(
            ["docker", "run", "--rm", "--label", "bellhop=tooling-test", "--network", "none", "--read-only", "--cap-drop", "ALL",
             "--security-opt", "no-new-privileges", "--user", "10001:10001", "--tmpfs", "/tmp:mode=1777,exec",
             *(["--volume", f"{self.volume}:{layout.ROOT}:ro"] if with_agent else []),
             *(word for name, value in variables.items() for word in ("--env", f"{name}={value}")), image, *argv],
            capture_output=True, text=True, check=False, timeout=60,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def sh(self, image: str, script: str) -> Done:
        return self.run(image, layout.SHELL, "-euc", f"cd /tmp; {script}")


@pytest.fixture(scope="module")
def engine(docker_host: str) -> Iterator[Engine]:
    opened = Engine(docker_host, 120)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def box(engine: Engine, agent: Tree, state_dir: Path) -> Iterator[Box]:
    volumes = AgentVolumes(engine, state_dir)
    name = volumes.ensure(agent)
    volumes.verify(agent)
    yield Box(name)
    with contextlib.suppress(docker.errors.APIError):
        engine.api.remove_volume(name)


@pytest.fixture(scope="module")
def own_tools(engine: Engine, state_dir: Path, agent: Tree) -> Iterator[str]:
    """Debian with its own Python and git at their usual places, unpacked from the same packages, untouched by us."""
    record = json.loads((agent.path / layout.RECORD_FILE).read_text())
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for package in record["packages"]:
            if package["name"] == "libc6":
                continue
            for path, member in deb.members(state_dir / "tooling" / "debs" / f"{package['sha256']}.deb").items():
                info = tarfile.TarInfo(path)
                info.size, info.mode = len(member.data), 0o755 if member.executable else 0o644
                if member.target is not None:
                    info.type, info.linkname = tarfile.SYMTYPE, member.target
                tar.addfile(info, io.BytesIO(member.data))
        link = tarfile.TarInfo("usr/bin/python3")
        link.type, link.linkname = tarfile.SYMTYPE, record["python"]
        tar.addfile(link)
    name = "bellhop-test/own-tools"
    created = engine.api.create_container(DEBIAN, command=["/never-started"], labels={"bellhop": "tooling-test"})
    try:
        engine.api.put_archive(created["Id"], "/", archive.getvalue())
        engine.api.commit(created["Id"], repository=name)
    finally:
        engine.api.remove_container(created["Id"])
    yield name
    engine.api.remove_image(name)


@pytest.mark.parametrize("image", IMAGES)
def test_python_and_its_library_work(box: Box, image: str) -> None:
    code = (
        "import asyncio, bz2, ctypes, curses, decimal, hashlib, http.client, json, lzma, readline, socket, sqlite3, ssl, subprocess, "
        "sys, uuid, zlib, zoneinfo;"
        "ctypes.CDLL(None).getpid();"
        "sqlite3.connect(':memory:').execute('select 1');"
        "print(json.dumps([sys.prefix, sys.executable, sys.path, ssl.create_default_context(cafile=sys.argv[1]).cert_store_stats()['x509_ca']]))"
    )
    done = box.run(image, layout.PYTHON, "-I", "-c", code, layout.CA_BUNDLE)
    assert (done.code, done.err) == (0, "")
    prefix, executable, path, authorities = json.loads(done.out)
    assert (prefix, executable) == ("/agent", layout.PYTHON)
    assert all(entry.startswith("/agent/lib/python3") for entry in path)
    assert authorities > 100


@pytest.mark.parametrize("image", IMAGES)
def test_mini_can_be_imported_from_the_site(box: Box, image: str) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import pydantic, markupsafe._speedups, minisweagent.agents.default as agent;"
        "class_ = type('M', (pydantic.BaseModel,), {'__annotations__': {'n': int}}); print(class_(n='3').n, agent.__file__)"
    )
    done = box.run(
        image, layout.PYTHON, "-I", "-c", code, layout.SITE,
        env={"MSWEA_SILENT_STARTUP": "1", "MSWEA_GLOBAL_CONFIG_DIR": "/tmp/mini"},
    )
    assert (done.code, done.err) == (0, "")
    assert done.out.split() == ["3", f"{layout.SITE}/minisweagent/agents/default.py"]


@pytest.mark.parametrize("image", IMAGES)
def test_the_runners_argv_starts_what_was_copied(box: Box, image: str) -> None:
    assert box.run(image, *layout.RUNNER_ARGV) == (0, "runner here\n", "")
    assert box.run(image, layout.PYTHON, "-I", layout.MINI) == (0, "mini here\n", "")


@pytest.mark.parametrize("image", IMAGES)
def test_nothing_is_compiled_at_run_time(box: Box, image: str) -> None:
    """The volume is read-only: what is not compiled in it is compiled again at every start."""
    code = "import json, asyncio, http.client, sys; print([n for n, m in sys.modules.items() if getattr(m, '__cached__', None) and not __import__('os').path.exists(m.__cached__)])"
    assert box.run(image, layout.PYTHON, "-I", "-c", code).out == "[]\n"


COMMIT = """
git init -q -b main r; cd r
git config user.email ada@example.invalid; git config user.name Ada
echo hi > hello; git add hello; git commit -qm one; git bundle create -q ../all HEAD main; cd ..
"""


@pytest.mark.parametrize("image", IMAGES)
def test_git_commits_bundles_and_clones_a_bundle(box: Box, image: str) -> None:
    done = box.sh(image, f"{COMMIT} git -C r bundle verify -q ../all 2>/dev/null; git clone -q -b main all c; cat c/hello; git -C c fsck --strict; git -C c log --format=%an")
    assert (done.code, done.out.split(), done.err) == (0, ["hi", "Ada"], "")


@pytest.mark.parametrize("image", [DEBIAN, BUSYBOX])
def test_git_clones_a_path_and_runs_hooks_where_there_is_a_shell(box: Box, image: str) -> None:
    hook = "printf '#!/bin/sh\\necho hooked >&2\\n' > r/.git/hooks/pre-commit; chmod +x r/.git/hooks/pre-commit;"
    done = box.sh(image, f"{COMMIT} {hook} git clone -q r c; cat c/hello; git -C r commit -q --allow-empty -m two; git -C r -c alias.x='!echo aliased' x")
    assert (done.code, done.out.split(), done.err.split()) == (0, ["hi", "aliased"], ["hooked"])


def test_without_any_shell_git_says_what_it_lacks(box: Box) -> None:
    """git has /bin/sh built in: on an image without one, what needs a shell fails with its own words, the rest works."""
    done = box.sh(EMPTY, f"{COMMIT} git clone r c")
    assert done.code == 128
    assert "cannot run git-upload-pack" in done.err
    assert "cannot run echo aliased" in box.sh(EMPTY, "git init -q .; git -c alias.x='!echo aliased' x").err


@pytest.mark.parametrize("image", IMAGES)
def test_git_speaks_https(box: Box, image: str) -> None:
    """The helper and its libraries load; there is no network, so the connection itself is refused."""
    done = box.sh(image, "git ls-remote https://127.0.0.1:1/x || true")
    assert "Failed to connect to 127.0.0.1 port 1" in done.err


@pytest.mark.parametrize("image", IMAGES)
def test_an_images_library_path_does_not_reach_our_programs(box: Box, image: str) -> None:
    script = "mkdir bad; for l in libz.so.1 libc.so.6 libtinfo.so.6; do echo junk > bad/$l; done; export LD_LIBRARY_PATH=/tmp/bad; "
    done = box.sh(image, script + f"{layout.PYTHON} -I -c 'import zlib; print(1)'; git init -q r; echo 2; {layout.BIN}/bash -c 'echo 3'")
    assert (done.code, done.out.split(), done.err) == (0, ["1", "2", "3"], "")


@pytest.mark.parametrize("image", IMAGES)
def test_the_tree_cannot_be_written(box: Box, image: str) -> None:
    done = box.sh(image, f"echo > {layout.RUNNER}/__main__.py")
    assert done.code != 0
    assert "Read-only file system" in done.err or "Permission denied" in done.err


ASK = """
cd /tmp; command -v python3; command -v git; command -v ls
python3 -c 'import sys, os, ssl; print(sys.version, sys.prefix, sys.path, ssl.OPENSSL_VERSION)'
git --exec-path; git config --list --show-origin; git init -q r; ls r/.git
env | sort | grep -v '^PATH=' | grep -v '^HOSTNAME='
"""


def test_an_images_own_tools_are_found_first_and_see_nothing_of_ours(box: Box, own_tools: str) -> None:
    alone = box.run(own_tools, "/bin/sh", "-euc", ASK, with_agent=False)
    assert alone.code == 0, alone.err
    assert alone.out.startswith("/usr/bin/python3\n/usr/bin/git\n/usr/bin/ls\n3.")
    assert box.run(own_tools, "/bin/sh", "-euc", ASK) == alone


def test_our_shell_lets_the_images_tools_win(box: Box) -> None:
    """Debian's busybox shell would run its own applets instead."""
    assert box.sh(DEBIAN, "command -v ls; ls --version | head -1").out.startswith("/usr/bin/ls\nls (GNU coreutils)")
    assert box.sh(EMPTY, "command -v ls").out == f"{layout.BIN}/ls\n"
