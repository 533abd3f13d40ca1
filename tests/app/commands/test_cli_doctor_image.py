"""`bellhop doctor image`, as a person starts it, on real images of a real engine."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from app.commands.doctor_image import verdicts
from app.execute.agents import agent_names
from app.execute.sandboxes.docker.survey import Survey
from tests.app.commands.bellhop import Machine, machine, one_line

pytestmark = pytest.mark.docker

CHANGES = [
    "ENV PATH=/opt/go/bin:/usr/bin:/bin LD_PRELOAD=/evil.so", "USER app", 'ENTRYPOINT ["/evil", "--now"]', "VOLUME /data", 'CMD ["x"]',
]
FILES = {
    "usr/bin/python3.11": "x", "usr/bin/python3": "-> python3.11", "opt/go/bin/go": "x", "bin/node": "-> /nowhere/node", "usr/bin/git": "x",
    "bin/make": "-> /bin/make", "etc/ssl/certs/ca-certificates.crt": "x", "etc/os-release": 'PRETTY_NAME="Made \x1b[31mLinux"\n',
    "etc/passwd": "app:x:10001:10001::/:/bin/sh\n", "lib64/ld-linux-x86-64.so.2": "x", "lib64/libc.so.6": "GNU C Library (Made) stable release version 2.99.\n",
}


@pytest.fixture
def place(tmp_path: Path, runtime_dir: Path, docker_host: str) -> Machine:
    return machine(tmp_path, runtime_dir, BELLHOP_DOCKER_HOST=docker_host)


@pytest.fixture
def rich(docker_client: docker.APIClient) -> Iterator[str]:
    """An image that has a lot, and sets a lot."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, text in FILES.items():
            info = tarfile.TarInfo(path)
            if text.startswith("-> "):
                info.type, info.linkname = tarfile.SYMTYPE, text.removeprefix("-> ")
            info.size = len(text) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(text.encode()) if info.isreg() else None)
    tag = str(os.getpid())
    docker_client.import_image_from_data(archive.getvalue(), repository="bellhop-test/rich", tag=tag, changes=CHANGES)
    yield f"bellhop-test/rich:{tag}"
    docker_client.remove_image(f"bellhop-test/rich:{tag}", force=True)


def seen(place: Machine, image: str) -> dict[str, Any]:
    code, out, err = place.run("doctor", "image", image, "--json")
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def test_what_an_image_has_is_found_through_links_and_its_own_path(place: Machine, rich: str) -> None:
    found = seen(place, rich)
    assert found["tools"] == {"python3": "/usr/bin/python3.11", "go": "/opt/go/bin/go"}
    assert (found["git"], found["libc"]) == ("/usr/bin/git", ["glibc 2.99"])
    assert found["ca_bundle"] == "/etc/ssl/certs/ca-certificates.crt"
    assert (found["user"], found["entrypoint"], found["volumes"]) == ("app", ["/evil", "--now"], ["/data"])
    assert found["environment"] == ["LD_PRELOAD"]
    assert found["added"] == ["/bin/sh", "/usr/bin/env", "/etc/group"]


def test_it_is_told_in_lines_and_no_image_speaks_to_the_terminal(place: Machine, rich: str) -> None:
    code, out, err = place.run("doctor", "image", rich)
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    told = dict(line.split(maxsplit=1) for line in out.splitlines() if line.strip())
    assert told["without"].startswith("effect  USER app; ENTRYPOINT /evil --now; CMD x; ENV LD_PRELOAD")
    assert told["codex"].rstrip() == "yes, with the part codex; the first run builds codex"
    assert told["mini"].rstrip() == "yes, by the base"


def test_each_c_library_is_told_and_so_is_none(place: Machine, debian_image: str, musl_image: str, empty_image: str) -> None:
    assert seen(place, debian_image)["libc"] == ["glibc 2.36"]
    musl = seen(place, musl_image)
    assert (musl["libc"], musl["shells"]) == (["musl 1.2.3"], {"/bin/sh": "/bin/busybox"})
    empty = seen(place, empty_image)
    assert (empty["libc"], empty["shells"], empty["tools"]) == ([], {}, {})
    assert set(empty["agents"]) == set(agent_names())


def test_nothing_is_left_and_nothing_was_started(place: Machine, rich: str, docker_client: docker.APIClient) -> None:
    """Its ENTRYPOINT does not exist: to start it would fail."""
    seen(place, rich)
    image = docker_client.inspect_image(rich)["Id"]  # type: ignore[no-untyped-call]  # docker-py has no types there
    assert [found for found in docker_client.containers(all=True) if found["ImageID"] == image] == []
    assert len(docker_client.volumes(filters={"label": "bellhop=image-look"})["Volumes"] or []) == 0


def test_an_image_that_is_not_here_is_told_with_how_to_get_it(place: Machine) -> None:
    assert "docker pull bellhop-test/none:0" in one_line(place.run("doctor", "image", "bellhop-test/none:0"))


def test_for_another_machine_no_agent_runs(place: Machine, empty_image: str) -> None:
    found = seen(place, empty_image)
    survey = Survey.model_validate({**{name: found[name] for name in Survey.model_fields}, "platform": "linux/arm64"})
    assert not survey.is_usable
    assert {said.partition(":")[0] for said in verdicts(survey, set()).values()} == {"no"}


def test_what_was_started_decides(place: Machine, empty_image: str) -> None:
    found = seen(place, empty_image)
    survey = Survey.model_validate({name: found[name] for name in Survey.model_fields})
    built = {"base", "codex", "claude-code"}
    said = verdicts(survey, built, {"": "", "codex": "", "claude-code": "exit code 1"})
    assert said["codex"] == "yes, with the part codex; started in it"
    assert said["claude-code"] == "no: its programs do not start in it (claude-code: exit code 1)"
    assert said["opencode"] == "yes, with the part opencode; the first run builds opencode; not built, so not started"
    assert said["mini"] == "yes, by the base; started in it"
    assert {each.partition("(")[0] for each in verdicts(survey, built, {"": "exit code 126"}).values()} == {"no: the base does not start in it "}
