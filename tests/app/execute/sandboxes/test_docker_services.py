"""Services beside a sandbox of Docker: where they are, what they are kept from, and that they go with it."""

from __future__ import annotations

import io
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from app.core.sandbox.service_options import Health
from app.core.sandbox.services import ServiceContainer
from app.errors import SandboxRefused, SandboxUnavailable
from app.execute.sandboxes.choose import backend_named
from app.execute.sandboxes.conformance.lab import Cell, Lab
from app.execute.sandboxes.docker.image_files import Directory
from app.execute.sandboxes.docker.service_config import ROOT_CAPABILITIES, container, plan
from app.execute.sandboxes.docker.service_image import Look, ServiceImage, account, check_of
from app.execute.sandboxes.options import BackendOptions
from app.execute.sandboxes.registry import open_backend
from app.execute.tooling.choose import Tooling
from app.settings import Settings
from tests.app.execute.sandboxes.conftest import MakeSubject
from tests.app.execute.sandboxes.test_docker_environment import SPEC
from tests.e2e.harness import share_tooling

# Asks each service's supervisor, as the runner does, until all are up or one has failed.
WAIT = r"""
/agent/bin/python3 -I - $NAMES <<'END' || exit 90
import json, socket, sys, time
deadline = time.monotonic() + 50
for name in sys.argv[1:]:
    said = {}
    while said.get("state") != "healthy":
        if time.monotonic() > deadline or said.get("state") == "failed":
            sys.exit(f"{name}: {said}")
        try:
            with socket.socket(socket.AF_UNIX) as asked:
                asked.connect("\0bellhop/service/" + name)
                said = json.loads(asked.makefile().read())
        except OSError:
            time.sleep(0.05)
END
"""
ASK_BOTH = r"""
        export PGPASSWORD=s3cret
        for host in postgres localhost 127.0.0.1; do
          [ "$(psql -h $host -U postgres -Atc 'SELECT 6 * 7')" = 42 ] || exit 11
        done
        for host in redis localhost; do
          [ "$(redis-cli -h $host SET k v)" = OK ] || exit 12
        done
        PGPASSWORD=wrong psql -h postgres -U postgres -c 'SELECT 1' && exit 13
        # What an agent that has taken a database over sees from inside of it.
        psql -h postgres -U postgres -At <<'END' >/tmp/inside
        CREATE TABLE said (line text);
        COPY said FROM PROGRAM 'B=/agent/bin/busybox; $B tail -n +3 /proc/net/dev | $B grep -v " lo:"; $B tail -n +2 /proc/net/route;
          $B ls -d /gateway /workspace /home/bellhop; $B nc -w 1 192.0.2.1 80 </dev/null && echo out; $B touch /etc/x /usr/x /agent/x; $B id -u; true';
        SELECT line FROM said;
END
        [ "$($B grep -v COPY /tmp/inside | $B grep -v CREATE)" = 999 ] || { cat /tmp/inside >&2; exit 14; }
"""
POSTGRES_ENV = {"POSTGRES_PASSWORD": "s3cret"}
HEALTH = '--health-cmd "pg_isready -U postgres" --health-interval 1s --health-retries 50'


@pytest.fixture(scope="session")
def agent_volume(docker_host: str) -> Iterator[str]:
    """The volume of the whole `/agent` tree."""
    with tempfile.TemporaryDirectory(prefix="bh-services-") as directory:
        share_tooling(Path(directory) / "state")
        settings = Settings(state_dir=Path(directory) / "state", docker_host=docker_host, host_name="services")
        tooling = Tooling(settings)
        yield tooling.ensure(backend_named("docker", settings))
        tooling.close()


@pytest.fixture
def lab(make_subject: MakeSubject, busybox_image: str, agent_volume: str) -> Iterator[Lab]:
    with Lab(make_subject("docker", busybox_image)._replace(tooling=agent_volume)) as made:
        yield made


def beside(client: docker.APIClient, cell: Cell, name: str) -> dict[str, Any]:
    found: dict[str, Any] = client.inspect_container(f"bellhop-{cell.spec.id}-service-{name}")
    return found


def labelled(client: docker.APIClient, sandbox_id: str) -> list[str]:
    ours = {"label": [f"bellhop.sandbox={sandbox_id}"]}
    return [each["Names"][0] for each in client.containers(all=True, filters=ours)] + [
        each["Name"] for each in client.volumes(filters=ours)["Volumes"] or []
    ]


def until(condition: Any, what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.mark.docker
def test_t51_postgres_and_redis_are_reached_by_name_and_nothing_else_is(lab: Lab, postgres_image: str, redis_image: str) -> None:
    cell = lab.start(
        "NAMES='postgres redis'" + WAIT + ASK_BOTH,
        services={
            "postgres": ServiceContainer(image=postgres_image, env=POSTGRES_ENV, ports=("5432:5432",), options=HEALTH),
            "redis": ServiceContainer(image=redis_image, ports=(6379,)),
        },
        container=lab.container(image=postgres_image),
    )
    cell.expect({
        11: "PostgreSQL does not answer", 12: "Redis does not answer", 13: "any password will do", 14: "a service sees more than it should",
        90: "a service did not come up",
    })


@pytest.mark.docker
def test_t43_t60_a_service_is_sealed_and_bounded(
    lab: Lab, postgres_image: str, redis_image: str, docker_client: docker.APIClient, agent_volume: str
) -> None:
    cell = lab.start(
        "NAMES='postgres redis'" + WAIT + "exec /agent/bin/busybox sleep 300",
        services={
            "postgres": ServiceContainer(image=postgres_image, env=POSTGRES_ENV, ports=(5432,), options="--memory 512m --cpus 0.5 --tmpfs /more:size=8m"),
            "redis": ServiceContainer(image=redis_image, ports=(6379,), options="--user redis"),
        },
    )
    until(lambda: all(listens(docker_client, cell, port) for port in (5432, 6379)), "both listen")
    inside = docker_client.inspect_container(str(cell.handle["container"]))
    for name, capabilities in (("postgres", ROOT_CAPABILITIES), ("redis", ())):
        found = beside(docker_client, cell, name)
        host = found["HostConfig"]
        assert host["NetworkMode"] == f"container:{inside['Id']}" or host["NetworkMode"] == f"container:{inside['Name'].strip('/')}"
        assert (host["ReadonlyRootfs"], host["Privileged"], host["CapDrop"], tuple(host["CapAdd"] or ())) == (True, False, ["ALL"], capabilities)
        assert (host["SecurityOpt"], host["PidMode"], host["IpcMode"], host["Binds"]) == (["no-new-privileges:true"], "", "private", None)
        assert (host["PidsLimit"], host["NanoCpus"], host["MemorySwap"]) == (512, host["NanoCpus"], host["Memory"])
        assert (host["LogConfig"]["Config"], host["RestartPolicy"]["Name"], host["Devices"]) == ({"max-size": "1048576", "max-file": "2"}, "no", None)
        assert found["Config"]["Healthcheck"]["Test"] == ["NONE"]
        # A name without a value takes the image's own one out.
        assert [entry.partition("=")[0] for entry in found["Config"]["Env"] if "=" in entry] == ["PATH"]
        shown = {mount["Destination"]: (mount.get("Name"), mount["RW"]) for mount in found["Mounts"]}
        data = "/var/lib/postgresql/data" if name == "postgres" else "/data"
        assert shown == {"/agent": (agent_volume, False), data: (f"bellhop-{cell.spec.id}-service-{name}-0", True)}
        volume = docker_client.inspect_volume(f"bellhop-{cell.spec.id}-service-{name}-0")
        assert (volume["Options"]["type"], volume["Labels"]["bellhop.sandbox"]) == ("tmpfs", cell.spec.id)
        status = Path(f"/proc/{found['State']['Pid']}/status").read_text()
        bits = sum(1 << number for number, capability in enumerate(("CHOWN", "DAC_OVERRIDE", "", "FOWNER", "", "", "SETGID", "SETUID", "SETPCAP")) if capability in capabilities)
        assert fields(status, "CapBnd", "NoNewPrivs", "Seccomp") == [f"{bits:016x}", "1", "2"]
        # The program itself, whatever it was started as, has become its own user and has nothing left.
        program = next(child for child in children(found["State"]["Pid"]))
        status = Path(f"/proc/{program}/status").read_text()
        assert fields(status, "Uid", "CapEff", "CapPrm", "NoNewPrivs") == ["999" if name == "postgres" else "998", "0" * 16, "0" * 16, "1"]
        mounts = {line.split()[1]: line.split() for line in Path(f"/proc/{found['State']['Pid']}/mounts").read_text().splitlines()}
        assert mounts["/"][3].startswith("ro")
        for path in (data, "/tmp", "/run"):
            assert mounts[path][2] == "tmpfs"
            assert "size=" in mounts[path][3]
            assert "nosuid,nodev" in mounts[path][3]
    assert beside(docker_client, cell, "postgres")["HostConfig"]["NanoCpus"] == 500_000_000
    assert beside(docker_client, cell, "postgres")["HostConfig"]["Memory"] == 512 * 1024 * 1024
    assert beside(docker_client, cell, "redis")["HostConfig"]["Memory"] == 1024 * 1024 * 1024
    assert "size=8m" in beside(docker_client, cell, "postgres")["HostConfig"]["Tmpfs"]["/more"]


@pytest.mark.docker
def test_t61_services_go_with_their_sandbox(lab: Lab, redis_image: str, docker_client: docker.APIClient) -> None:
    cell = lab.start("exec $B sleep 300", services={"redis": ServiceContainer(image=redis_image)})
    assert f"/bellhop-{cell.spec.id}-service-redis" in labelled(docker_client, cell.spec.id)
    lab.backend.destroy(cell.handle)
    assert labelled(docker_client, cell.spec.id) == []
    assert lab.backend.find() == {}


@pytest.mark.docker
def test_r6_t61_what_a_killed_worker_left_between_a_sandbox_and_its_services_is_finished_or_removed(
    lab: Lab, redis_image: str, docker_client: docker.APIClient
) -> None:
    spec = lab.spec("exec $B sleep 300", services={"one": ServiceContainer(image=redis_image), "two": ServiceContainer(image=redis_image, command="redis-server --port 6380")})
    # As far as the first of them, and no further.
    lab.launch(spec.model_copy(update={"services": {"one": spec.services["one"]}}))
    other = lab.another_worker()
    cell = Cell(other, spec, other.create(spec))
    assert all(beside(docker_client, cell, name)["State"]["Running"] for name in spec.services)
    one = beside(docker_client, cell, "one")
    assert other.create(spec) == cell.handle
    assert beside(docker_client, cell, "one")["State"]["StartedAt"] == one["State"]["StartedAt"]
    # The sandbox itself is gone, its services are not: they are found by their label alone.
    docker_client.remove_container(str(cell.handle["container"]), force=True)
    assert set(lab.backend.find()) == {spec.id}
    lab.backend.destroy(lab.backend.find()[spec.id])
    assert labelled(docker_client, spec.id) == []


@pytest.mark.docker
def test_t61_a_service_that_was_stopped_is_not_started_under_an_agent_at_work(lab: Lab, redis_image: str, docker_client: docker.APIClient) -> None:
    cell = lab.start("exec $B sleep 300", services={"redis": ServiceContainer(image=redis_image)})
    docker_client.kill(f"bellhop-{cell.spec.id}-service-redis")
    until(lambda: not beside(docker_client, cell, "redis")["State"]["Running"], "it is dead")
    lab.backend.create(cell.spec)
    assert not beside(docker_client, cell, "redis")["State"]["Running"]


@pytest.mark.docker
def test_no_service_joins_a_sandbox_that_has_ended(lab: Lab, redis_image: str, docker_client: docker.APIClient) -> None:
    spec = lab.spec("exit 0")
    cell = lab.launch(spec)
    cell.wait()
    lab.backend.create(spec.model_copy(update={"services": {"redis": ServiceContainer(image=redis_image)}}))
    assert [name for name in labelled(docker_client, spec.id) if "service" in name] == []


@pytest.mark.docker
def test_an_image_that_is_missing_is_told_before_anything_is_made(lab: Lab) -> None:
    with pytest.raises(SandboxUnavailable, match="docker pull bellhop-test/none:0") as told:
        lab.start("exit 0", services={"db": ServiceContainer(image="bellhop-test/none:0")})
    assert (told.value.reason, told.value.retryable) == ("image_missing", False)
    assert lab.backend.find() == {}


@pytest.mark.docker
@pytest.mark.parametrize(("service", "words"), [({"options": "--user nobody-here"}, "has no user `nobody-here`"), ({"image": "empty"}, "names no program")], ids=["user", "program"])
def test_what_an_image_lacks_is_told_before_anything_is_made(lab: Lab, redis_image: str, empty_image: str, service: dict[str, str], words: str) -> None:
    image = empty_image if service.get("image") == "empty" else redis_image
    with pytest.raises(SandboxRefused, match=words):
        lab.start("exit 0", services={"db": ServiceContainer.model_validate(service | {"image": image})})
    assert lab.backend.find() == {}


@pytest.mark.docker
def test_what_the_engine_will_not_start_is_told_and_not_tried_again(lab: Lab, redis_image: str, docker_client: docker.APIClient) -> None:
    spec = lab.spec("exec $B sleep 300", services={"db": ServiceContainer(image=redis_image, options="--cpus 900")})
    with pytest.raises(SandboxUnavailable, match="the service `db` could not be started") as told:
        lab.launch(spec)
    assert (told.value.reason, told.value.retryable) == ("service_not_started", False)
    assert set(lab.backend.find()) == {spec.id}, "whoever gives the run its outcome removes it"
    lab.backend.destroy(lab.backend.find()[spec.id])
    assert labelled(docker_client, spec.id) == []


@pytest.mark.docker
def test_t41_an_images_own_words_are_the_services_and_steer_nothing_of_ours(lab: Lab, busybox_image: str, docker_client: docker.APIClient) -> None:
    """Its environment, its user, its check: as the image has them, but for our supervisor, whom they do not reach."""
    text = f"""
    FROM {busybox_image}
    ENV LD_PRELOAD=/evil.so PYTHONHOME=/evil PATH=/bin MARK=image
    VOLUME /data
    USER 4242:4343
    HEALTHCHECK --interval=100ms CMD test -e /data/up
    CMD ["sh", "-c", "echo $MARK $LD_PRELOAD $HOME $(id -u):$(id -g) >/data/said && touch /data/up && exec sleep 300"]
    """
    name = "bellhop-test/hostile:service"
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        member = tarfile.TarInfo("Dockerfile")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text.encode()))
    context.seek(0)
    said = list(docker_client.build(fileobj=context, custom_context=True, tag=name, rm=True, decode=True))
    assert not [line for line in said if "error" in line], said
    cell = lab.start(
        "NAMES=db" + WAIT + "touch /workspace/up; exec /agent/bin/busybox sleep 300",
        services={"db": ServiceContainer(image=name, env={"MARK": "profile"}, options="--tmpfs /data:size=4m")},
    )
    until(lambda: (cell.spec.workspace.scratch / "upper" / "up").exists() or cell.status().state != "running", "it is up by the image's own check")
    assert cell.status().state == "running"
    pid = beside(docker_client, cell, "db")["State"]["Pid"]
    assert Path(f"/proc/{pid}/root/data/said").read_text() == "profile /evil.so / 4242:4343\n"
    assert b"LD_PRELOAD" not in Path(f"/proc/{pid}/environ").read_bytes()
    docker_client.remove_image(name, force=True)


@pytest.mark.parametrize("backend", ["gvisor", "bubblewrap"])
def test_a_backend_without_services_refuses_them_in_words(backend: str, tmp_path: Path) -> None:
    options = BackendOptions(installation="x", state_dir=tmp_path, docker_host=f"unix://{tmp_path}/none.sock")
    made = open_backend(backend, options)
    assert not made.has_services
    with pytest.raises(SandboxRefused, match=f"services run beside a sandbox of Docker with runc only, and this one would be of `{backend}`"):
        made.create(SPEC.model_copy(update={"services": {"db": ServiceContainer(image="db")}}))


IMAGE = ServiceImage("sha256:x", ("entry",), ("serve", "-v"), {"PATH": "/opt/bin", "A": "image"}, "", "/srv", ("/data",), {})
LOOK = Look("root:x:0:0::/root:/bin/sh\ndb:x:70:71::/var/db:/bin/sh\n", "db:x:71:\n", {"/run": (Directory("/run/db", 0o755, 70, 71),)}, {"/data": Directory("/data", 0o700, 70, 71)})


@pytest.mark.parametrize(
    ("said", "argv"),
    [
        ({}, ["entry", "serve", "-v"]),
        ({"command": "serve 'a b'"}, ["entry", "serve", "a b"]),
        ({"entrypoint": "other"}, ["other"]),
        ({"options": "--entrypoint other", "command": "x"}, ["other", "x"]),
    ],
    ids=["image", "command", "entrypoint", "both"],
)
def test_what_is_run_is_what_docker_would_run(said: dict[str, str], argv: list[str]) -> None:
    assert plan("db", ServiceContainer.model_validate({"image": "db", **said}), IMAGE, LOOK).order["argv"] == argv


def test_a_service_runs_as_its_image_says_with_its_environment_and_places() -> None:
    made = plan("db", ServiceContainer(image="db", env={"A": "profile"}, options="--user db --memory 100m"), IMAGE, LOOK)
    assert made.account == (70, 71, "/var/db")
    assert made.order["env"] == {"PATH": "/opt/bin", "HOME": "/var/db", "A": "profile"}
    assert made.order["directories"] == [["/run/db", 0o755, 70, 71]]
    assert {place.path: place.mount_options for place in made.places} == {
        "/data": "size=50m,mode=700,uid=70,gid=71,nosuid,nodev", "/run": "size=64m,mode=1777,uid=0,gid=0,nosuid,nodev",
        "/tmp": "size=64m,mode=1777,uid=0,gid=0,nosuid,nodev",
    }


def test_t43_only_a_service_that_starts_as_root_has_capabilities() -> None:
    for options, added in (("", list(ROOT_CAPABILITIES)), ("--user db", None), ("--user 0", list(ROOT_CAPABILITIES))):
        made = plan("db", ServiceContainer(image="db", options=options), IMAGE, LOOK)
        asked = container(made, SPEC, "1.41", {})
        assert asked["host_config"].get("CapAdd") == added
        assert asked["host_config"]["CapDrop"] == ["ALL"]
        assert asked["environment"] == {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A": None, "HOSTNAME": None}


@pytest.mark.parametrize(
    ("user", "found"),
    [("", (0, 0, "/root")), ("db", (70, 71, "/var/db")), ("70", (70, 71, "/var/db")), ("5:6", (5, 6, "/")), ("root:db", (0, 71, "/root"))],
    ids=["none", "name", "number", "numbers", "group"],
)
def test_who_a_user_is_is_the_images_word(user: str, found: tuple[int, int, str]) -> None:
    assert account(user, LOOK.passwd, LOOK.group) == found


def test_a_user_or_group_that_is_not_there_is_told() -> None:
    for user in ("nobody", "db:none"):
        with pytest.raises(ValueError, match="has no"):
            account(user, LOOK.passwd, LOOK.group)


def test_a_health_check_is_the_profiles_over_the_images() -> None:
    image = {"Test": ["CMD", "ready", "now"], "Interval": 2_000_000_000, "Retries": 7}
    taken = check_of(Health(), image)
    assert taken == {"argv": ["ready", "now"], "shell": "", "interval_seconds": 2.0, "timeout_seconds": 30.0, "start_period_seconds": 0.0, "retries": 7}
    over = check_of(Health(command="mine", timeout_seconds=1), image)
    assert over is not None
    assert (over["shell"], over["argv"], over["interval_seconds"], over["timeout_seconds"]) == ("mine", [], 2.0, 1)
    assert check_of(Health(is_off=True), image) is None
    assert check_of(Health(), {"Test": ["NONE"]}) is None
    assert check_of(Health(), {}) is None


def fields(status: str, *names: str) -> list[str]:
    found = dict(line.split(":", 1) for line in status.splitlines())
    return [found[name].split()[0] for name in names]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def listens(client: docker.APIClient, cell: Cell, port: int) -> bool:
    pid = client.inspect_container(str(cell.handle["container"]))["State"]["Pid"]
    tables = (Path(f"/proc/{pid}/net/{name}") for name in ("tcp", "tcp6"))
    table = "".join(each.read_text() for each in tables if each.exists())
    return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in table.splitlines() if ":" in line.split()[1])
