"""Sandboxes of images that lack things, or try to decide: what programs take for granted is there, and the image is as it was."""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from app.execute.sandboxes.conformance.lab import Lab, Subject
from app.execute.sandboxes.docker.engine import Engine
from app.execute.sandboxes.docker.image_files import ImageFiles, opened
from app.execute.sandboxes.options import BackendOptions
from app.execute.sandboxes.registry import open_backend
from app.execute.tooling import layout
from app.execute.tooling.tree import Tree
from app.execute.tooling.volume import AgentVolumes
from tests.conftest import missing
from tests.environment import images

pytestmark = pytest.mark.docker

HOSTILE_CHANGES = [
    "ENV LD_PRELOAD=/evil.so LD_LIBRARY_PATH=/evil PYTHONHOME=/evil PYTHONPATH=/evil GIT_DIR=/evil GIT_EXEC_PATH=/evil ENV=/evil BASH_ENV=/evil",
    'ENTRYPOINT ["/evil"]', 'CMD ["evil"]', "WORKDIR /evil", "USER root",
]
# A user that no file of accounts knows; the shell is a link that leads nowhere; somebody else is called bellhop.
ODD_CHANGES = ["USER 4242:4243"]
ODD_FILES = {"etc/passwd": "bellhop:x:500:500::/:/bin/sh", "etc/group": "root:x:0:", "bin/loop": "-> loop", "bin/nowhere": "-> /none/x"}

# As the runner sets it for an agent.
OURS_LAST = f"export PATH=$PATH:{layout.BIN}; "

SCRIPT = OURS_LAST + r"""
fail() { echo "failed: $1" >&2; exit "$1"; }
cd /tmp || fail 10
for v in LD_PRELOAD LD_LIBRARY_PATH PYTHONHOME PYTHONPATH GIT_DIR GIT_EXEC_PATH ENV BASH_ENV; do eval "[ -z \"\${$v}\" ]" || fail 11; done
[ "$(/bin/sh -c 'echo $1' x ok)" = ok ] || fail 12
printf '#!/bin/sh -e\necho "$0 $1"\nfalse\necho not here\n' > s; chmod +x s
[ "$(./s a)" = "./s a" ] || fail 13
printf '#!/usr/bin/env python3\nimport grp, os, pwd, sys\nme = pwd.getpwuid(os.getuid())\nprint(me.pw_uid, grp.getgrgid(os.getgid()).gr_gid)\n' > p; chmod +x p
[ "$(./p)" = "10001 10001" ] || fail 14
git init -q -b main r && cd r || fail 15
git config user.email ada@example.invalid && git config user.name Ada || fail 15
printf '#!/bin/sh\necho hooked > /tmp/hooked\n' > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit
echo hi > hello; git add hello && git commit -qm one || fail 16
[ -f /tmp/hooked ] || fail 17
git clone -q . /tmp/c && [ -f /tmp/c/hello ] || fail 18
[ "$(git -c alias.x='!echo aliased' x)" = aliased ] || fail 19
[ "$HOME" = /home/bellhop ] || fail 20
"""


def imported(client: docker.APIClient, name: str, base: str, changes: list[str], files: dict[str, str]) -> str:
    """Make an image of another's files, with more files, and with settings of its own."""
    repository, _, tag = name.partition(":")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for info, data in images._busybox_members() if base == images.BUSYBOX else []:
            tar.addfile(info, io.BytesIO(data) if info.isreg() else None)
        for path, text in files.items():
            info = tarfile.TarInfo(path)
            if text.startswith("-> "):
                info.type, info.linkname = tarfile.SYMTYPE, text.removeprefix("-> ")
            info.size = len(text) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(text.encode()) if info.isreg() else None)
    client.import_image_from_data(archive.getvalue(), repository=repository, tag=tag, changes=changes)
    return name


@pytest.fixture(scope="module")
def every_image(
    docker_client: docker.APIClient, debian_image: str, busybox_image: str, empty_image: str, musl_image: str
) -> Iterator[dict[str, str]]:
    made = {
        "hostile": imported(docker_client, f"bellhop-test/any-hostile:{os.getpid()}", images.EMPTY, HOSTILE_CHANGES, {}),
        "odd": imported(docker_client, f"bellhop-test/any-odd:{os.getpid()}", images.BUSYBOX, ODD_CHANGES, ODD_FILES),
    }
    yield {"debian": debian_image, "busybox": busybox_image, "empty": empty_image, "musl": musl_image, **made}
    for name in made.values():
        docker_client.remove_image(name, force=True)


@pytest.fixture(scope="module")
def base(docker_host: str, agent: Tree, state_dir: Path) -> Iterator[str]:
    """The volume of the base; it stays, as others may use it."""
    with contextlib.closing(Engine(docker_host, 120)) as engine:
        yield AgentVolumes(engine, state_dir).ensure(agent)


@pytest.fixture
def lab(docker_host: str, base: str) -> Iterator[Callable[[str, str], Lab]]:
    """Return a maker of labs: `lab(image, backend)`."""
    with tempfile.TemporaryDirectory(prefix="bh-any-", ignore_cleanup_errors=True) as directory, contextlib.ExitStack() as stack:
        room = Path(directory)
        room.chmod(0o755)
        options = BackendOptions(installation=room.name, state_dir=room / "state", docker_host=docker_host)
        yield lambda image, backend: stack.enter_context(Lab(Subject(lambda: open_backend(backend, options), room, base, image)))


@pytest.mark.parametrize("name", ["debian", "busybox", "empty", "musl", "hostile", "odd"])
def test_an_image_gets_what_it_lacks_and_decides_nothing(lab: Callable[[str, str], Lab], every_image: dict[str, str], name: str) -> None:
    lab(every_image[name], "docker").start("", argv=("/agent/bin/sh", "-c", SCRIPT)).expect({})


def test_under_gvisor_too(lab: Callable[[str, str], Lab], every_image: dict[str, str], docker_client: docker.APIClient) -> None:
    if "runsc" not in docker_client.info()["Runtimes"]:
        missing("the Docker engine has no runtime `runsc`")
    lab(every_image["empty"], "gvisor").start("", argv=("/agent/bin/sh", "-c", SCRIPT)).expect({})


def test_what_an_image_brings_itself_is_used(lab: Callable[[str, str], Lab], every_image: dict[str, str]) -> None:
    """Debian's shell is dash, and musl's loader runs: neither is hidden by anything of ours."""
    lab(every_image["debian"], "docker").start("", argv=("/agent/bin/sh", "-c", '[ "$(readlink /bin/sh)" = dash ]')).expect({})
    script = '/lib/ld-musl-x86_64.so.1 2>&1 | grep -q "^musl libc" && [ "$(command -v sh)" = /bin/sh ] && [ -L /bin/sh ]'
    lab(every_image["musl"], "docker").start("", argv=("/agent/bin/sh", "-c", OURS_LAST + script)).expect({})


@pytest.fixture
def odd_files(docker_host: str, every_image: dict[str, str]) -> Iterator[ImageFiles]:
    with contextlib.closing(Engine(docker_host, 60)) as engine:
        image = engine.api.inspect_image(every_image["odd"])  # type: ignore[no-untyped-call]  # docker-py has no types there
        with opened(engine, str(image["Id"])) as files:
            yield files


def test_files_of_an_image_are_read_without_running_it(odd_files: ImageFiles, docker_client: docker.APIClient) -> None:
    assert odd_files.read("/etc/passwd", 1000) == b"bellhop:x:500:500::/:/bin/sh"
    assert odd_files.read("/etc/passwd", 7) == b"bellhop"
    assert odd_files.read("/etc/none", 1000) is None
    assert odd_files.read("/etc", 1000) is None
    shell, busybox = odd_files.stat("/bin/sh"), odd_files.stat("/bin/busybox")
    assert shell is not None
    assert busybox is not None
    assert (shell.kind, shell.target, busybox.kind, busybox.executable) == ("link", "/bin/busybox", "file", True)
    assert odd_files.followed("/bin/sh") == ("/bin/busybox", busybox)
    loop, nowhere = odd_files.stat("/bin/loop"), odd_files.stat("/bin/nowhere")
    assert loop is not None
    assert nowhere is not None
    assert (loop.kind, nowhere.kind, nowhere.target) == ("other", "link", "/none/x")
    assert [odd_files.followed(path) for path in ("/bin/nowhere", "/etc/passwd/x")] == [None, None]
    assert odd_files.read("/bin/loop", 10) is None
    looking = docker_client.containers(all=True, filters={"label": "bellhop=image-look"})
    assert looking
    assert {container["State"] for container in looking} == {"created"}
