"""What is Docker's own: images that try to decide for us, names that are taken, engines that do not answer."""

from __future__ import annotations

import gc
import io
import json
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import docker.errors
import pytest

from app.errors import SandboxUnavailable
from app.execute.sandboxes.conformance.lab import Lab, Subject
from app.execute.sandboxes.conformance.suite import run_check
from app.execute.sandboxes.docker.backend import open_docker
from app.execute.sandboxes.options import BackendOptions
from tests.app.execute.sandboxes.conftest import MakeSubject

pytestmark = pytest.mark.docker

HOSTILE = """
FROM {base}
LABEL bellhop=test bellhop.sandbox=other
ENV LD_PRELOAD=/evil.so PYTHONSTARTUP=/evil.py GIT_DIR=/evil BASH_ENV=/evil ENV=/evil HTTP_PROXY=http://192.0.2.1:1
USER root
WORKDIR /evil
VOLUME /data
VOLUME /bin
STOPSIGNAL SIGKILL
HEALTHCHECK --interval=1s CMD touch /data/x
ENTRYPOINT ["/evil"]
CMD ["evil"]
"""


@pytest.fixture(scope="module")
def hostile_image(docker_client: docker.APIClient, busybox_image: str) -> Iterator[str]:
    """An image whose every setting would change what runs."""
    name = "bellhop-test/hostile:sandboxes"
    text = HOSTILE.format(base=busybox_image).encode()
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        member = tarfile.TarInfo("Dockerfile")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    context.seek(0)
    said = list(docker_client.build(fileobj=context, custom_context=True, tag=name, rm=True, decode=True))
    assert not [line for line in said if "error" in line], said
    yield name
    docker_client.remove_image(name, force=True)


@pytest.mark.parametrize(
    "check", ["only_given_environment", "user_and_group", "workspace_is_an_overlay", "stop_asks_first", "readonly_root"]
)
def test_a_hostile_image_decides_nothing(check: str, make_subject: MakeSubject, hostile_image: str) -> None:
    assert run_check(check, make_subject("docker", hostile_image)).problem is None


def test_an_images_volumes_are_readonly_and_leave_nothing(
    make_subject: MakeSubject, hostile_image: str, docker_client: docker.APIClient
) -> None:
    volumes_before = {volume["Name"] for volume in docker_client.volumes()["Volumes"] or []}
    with Lab(make_subject("docker", hostile_image)) as lab:
        cell = lab.start("( echo x > /data/x ) 2>/dev/null && exit 11; [ -x /bin/busybox ] || exit 12")
        cell.expect({11: "the image's volume is writable", 12: "the image's files are hidden"})
        ours = [f"bellhop-{cell.spec.id}-image-0", f"bellhop-{cell.spec.id}-image-1"]
        made = {volume["Name"] for volume in docker_client.volumes()["Volumes"] or []}
        assert made >= set(ours)
    volumes_after = {volume["Name"] for volume in docker_client.volumes()["Volumes"] or []}
    assert not [name for name in volumes_after - volumes_before if cell.spec.id in name or len(name) == 64]


@pytest.mark.parametrize("check", ["exit_code_is_told", "workspace_is_an_overlay", "readonly_root", "golden_mounts"])
def test_an_image_with_nothing_in_it_will_do(check: str, make_subject: MakeSubject, empty_image: str) -> None:
    assert run_check(check, make_subject("docker", empty_image)).problem is None


def test_an_image_without_a_libc_will_do(make_subject: MakeSubject, busybox_image: str) -> None:
    assert run_check("workspace_is_an_overlay", make_subject("docker", busybox_image)).problem is None


@pytest.mark.parametrize("image", ["bellhop-test/none:0", None])
def test_a_missing_image_is_told_with_how_to_mend_it(image: str | None, make_subject: MakeSubject) -> None:
    with Lab(make_subject("docker", image)) as lab:
        with pytest.raises(SandboxUnavailable, match=r"docker pull|container: image") as told:
            lab.start("exit 0")
        assert (told.value.reason, told.value.retryable) == ("image_missing", False)
        assert lab.backend.find() == {}


def test_a_workspace_that_is_not_there_is_told(docker_subject: Subject) -> None:
    with Lab(docker_subject) as lab:
        spec = lab.spec("exit 0")
        (spec.workspace.scratch / "upper").rmdir()
        with pytest.raises(SandboxUnavailable, match="upper") as told:
            lab.launch(spec)
        assert told.value.reason == "workspace_missing"


def test_a_command_that_is_not_there_leaves_no_container(docker_subject: Subject) -> None:
    with Lab(docker_subject) as lab:
        with pytest.raises(SandboxUnavailable, match="no such file"):
            lab.launch(lab.spec("").model_copy(update={"argv": ("/agent/bin/none",)}))
        assert lab.backend.find() == {}


def test_a_name_that_another_has_taken_is_not_touched(docker_subject: Subject, docker_client: docker.APIClient) -> None:
    with Lab(docker_subject) as lab:
        spec = lab.spec("exit 0")
        foreign = docker_client.create_container(
            docker_subject.image or "", ["true"], name=f"bellhop-{spec.id}", labels={"bellhop": "test"}
        )["Id"]
        try:
            with pytest.raises(SandboxUnavailable, match="not ours") as told:
                lab.launch(spec)
            assert told.value.reason == "name_taken"
            assert docker_client.inspect_container(foreign)["State"]["Status"] == "created"
        finally:
            docker_client.remove_container(foreign, force=True)


def test_two_installations_do_not_find_one_another(docker_subject: Subject, options: BackendOptions) -> None:
    other = open_docker(options.model_copy(update={"installation": "another"}))
    with Lab(docker_subject) as lab:
        cell = lab.start("exit 0")
        assert set(lab.backend.find()) == {cell.spec.id}
        assert other.find() == {}
    other.close()


def test_what_a_broken_off_create_left_is_found_and_removed(
    docker_subject: Subject, docker_client: docker.APIClient, options: BackendOptions
) -> None:
    with Lab(docker_subject) as lab:
        cell = lab.start("exit 0")
        cell.wait()
        docker_client.remove_container(str(cell.handle["container"]), force=True)
        found = lab.backend.find()
        assert set(found) == {cell.spec.id}, "its volume is still there"
        lab.backend.destroy(found[cell.spec.id])
        assert lab.backend.find() == {}


def test_where_an_overlay_cannot_be_mounted_the_workspace_is_copied(docker_subject: Subject) -> None:
    with Lab(docker_subject) as lab:
        spec = lab.spec('[ "$($B cat given.txt)" = given ] || exit 11; echo x > new')
        # An overlay refuses to have its work directory below its upper one.
        work = spec.workspace.scratch / "work"
        work.rmdir()
        (spec.workspace.scratch / "upper" / "w").mkdir()
        work.symlink_to(spec.workspace.scratch / "upper" / "w")
        cell = lab.launch(spec)
        cell.expect({11: "the checkout does not show"})
        assert (spec.workspace.scratch / "copy" / "new").is_file()
        assert not (spec.workspace.lower / "new").exists()


def test_the_workers_own_proxy_settings_stay_outside(
    make_subject: MakeSubject, debian_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"proxies": {"default": {"httpProxy": "http://u:p@192.0.2.1:1"}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert run_check("only_given_environment", make_subject("docker", debian_image)).problem is None


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # docker-py leaves a socket that cannot connect
def test_an_engine_that_does_not_answer_is_told(tmp_path: Path) -> None:
    options = BackendOptions(installation="x", state_dir=tmp_path, docker_host=f"unix://{tmp_path}/none.sock")
    with pytest.raises(SandboxUnavailable, match="BELLHOP_DOCKER_HOST") as told:
        open_docker(options).check()
    assert (told.value.reason, told.value.retryable) == ("engine_down", True)
    del told
    gc.collect()  # so that the warning comes here


def test_a_child_that_ran_out_of_memory_is_told_while_the_rest_goes_on(docker_subject: Subject) -> None:
    """R18: by the host's counters, before the sandbox has ended."""
    eats = "$B awk 'BEGIN { x = \"0123456789abcdef\"; while (length(x) < 512 * 1024 * 1024) x = x x }'"
    with Lab(docker_subject) as lab:
        cell = lab.start(f"{eats}\nwhile :; do $B sleep 1; done", container=lab.container(memory_mb=64))
        deadline = time.monotonic() + 30
        while not (status := cell.status()).out_of_memory:
            assert status.state == "running"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert status.state == "running"
