"""`services:` in a profile: what is read of it, and what is refused with how to write it."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.profile import Profile, faults
from app.core.sandbox.service_options import Options, parse_options, seconds_of
from app.core.sandbox.services import ServiceContainer, options_of, ports_of, says, words_of


def profile(services: Any, **container: Any) -> Profile:
    return Profile.model_validate({
        "name": "fix", "on": {"issues": {}}, "agent": {"uses": "command"}, "container": {"image": "team:1", **container}, "services": services,
    })


def told(services: Any, **container: Any) -> list[str]:
    return [f"{'.'.join(map(str, path))}: {message}" for path, message in faults(profile(services, **container))]


def test_a_service_as_a_workflow_has_it_is_taken_as_it_is() -> None:
    services = {
        "postgres": {
            "image": "postgres:16", "env": {"POSTGRES_PASSWORD": "postgres"}, "ports": ["5432:5432"],
            "options": '--health-cmd "pg_isready -U postgres" --health-interval 10s --health-timeout=5s --health-retries 5\n',
        },
        "redis": {"image": "redis", "ports": [6379], "entrypoint": "redis-server", "command": "--save 60 1 --loglevel 'warning'"},
    }
    assert told(services) == []
    postgres, redis = profile(services).services.values()
    health = options_of(postgres).health
    assert (health.command, health.interval_seconds, health.timeout_seconds, health.retries) == ("pg_isready -U postgres", 10, 5, 5)
    assert ports_of(postgres) == (5432,)
    assert (options_of(redis).entrypoint, words_of(redis)) == ("redis-server", ("--save", "60", "1", "--loglevel", "warning"))
    assert says("postgres", postgres).startswith("postgres: postgres:16, port 5432, env POSTGRES_PASSWORD=postgres, --health-cmd")


def test_every_option_is_read() -> None:
    assert parse_options("-u redis:redis -m 512m --cpus 0.5 --shm-size=1g --tmpfs /data --tmpfs /logs:rw,size=16m --no-healthcheck") == Options(
        health={"is_off": True}, user="redis:redis", memory_mb=512, cpus=0.5, shm_mb=1024, tmpfs={"/data": None, "/logs": 16},
    )


@pytest.mark.parametrize(("text", "seconds"), [("1m30s", 90), ("500ms", 0.5), ("0.5s", 0.5), ("2h", 7200), ("0", None), ("0s", None)])
def test_durations_are_gos(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--network host", "`--network` is not to be had here; there are --health-cmd"),
        ("--privileged", "`--privileged` is not to be had here"),
        ("-v /:/host", "`-v` is not to be had here"),
        ("--cap-add NET_ADMIN", "`--cap-add` is not to be had here"),
        ("--volume=/engine.sock:/s", "`--volume` is not to be had here"),
        ("--device /dev/kvm", "`--device` is not to be had here"),
        ("--health-cmd", "needs a value"),
        ("--health-cmd 'x", "cannot be cut into words"),
        ("--health-interval 10", "it takes a duration such as 10s"),
        ("--health-retries many", "it takes a whole number"),
        (f"--health-retries {'9' * 400}", "it takes a whole number"),
        ("--memory lots", "it takes a size such as 512m"),
        ("--memory 4m", "at least 16m"),
        ("--cpus 0", "it takes a number above 0"),
        ("--cpus nan", "it takes a number above 0"),
        ("--user 'a b'", "takes user or user:group"),
        ("--tmpfs data", "an absolute path"),
        ("--tmpfs /data/../agent", "an absolute path"),
        ("--tmpfs /agent", "cannot be put over /agent"),
        ("--tmpfs //agent", "an absolute path"),
        ("--tmpfs /proc/sys", "cannot be put over /proc/sys"),
        ("--tmpfs /data:exec", "takes `size=` and nothing else"),
        ("--health-cmd true --no-healthcheck", "contradict each other"),
        ("--health-cmd true --health-interval 5m", "would have a run wait for 900 s"),
    ],
)
def test_t43_an_option_that_is_not_known_or_makes_no_sense_is_refused_by_name(options: str, words: str) -> None:
    [problem] = told({"db": {"image": "db", "options": options}})
    assert problem.startswith("services.db.options: ")
    assert words in problem


@pytest.mark.parametrize(
    ("ports", "words"),
    [
        (["5432:5433"], "name the port that the service listens on"),
        (["127.0.0.1:5432:5432"], "nothing to map"),
        (["53/udp"], "only a TCP port is looked at"),
        ([0], "is no port"),
        ([70_000], "is no port"),
        (["http"], "is no port"),
        ([4117], "taken by Bellhop itself"),
        (["4118:4118"], "taken by Bellhop itself"),
    ],
)
def test_a_port_that_cannot_be_had_is_refused(ports: list[Any], words: str) -> None:
    [problem] = told({"db": {"image": "db", "ports": ports}})
    assert problem.startswith("services.db.ports.0: ")
    assert words in problem


def test_two_services_cannot_have_one_port() -> None:
    [problem] = told({"one": {"image": "db", "ports": [5432]}, "two": {"image": "db", "ports": ["5432:5432"]}})
    assert problem == "services.two.ports.0: 5432 is the port of `one` too: they share one network"


@pytest.mark.parametrize("key", ["image", "options", "command", "entrypoint"])
def test_an_expression_of_actions_is_refused(key: str) -> None:
    assert any("there are no expressions here" in problem for problem in told({"db": {"image": "db", key: "${{ secrets.PASSWORD }}"}}))


def test_t46_a_secret_of_a_workflow_is_refused_in_the_environment() -> None:
    [problem] = told({"db": {"image": "db", "env": {"PASSWORD": "${{ secrets.PASSWORD }}"}}})
    assert problem.startswith("services.db.env.PASSWORD: ")


def test_services_need_docker_and_its_network() -> None:
    assert any("share: use isolation container" in problem for problem in told({"db": {"image": "db"}}, isolation="gvisor"))
    [problem] = told({"db": {"image": "db"}}, isolation="process", image=None)
    assert problem == "services: run in Docker, beside a sandbox that is a container too: set `container: image:`"


@pytest.mark.parametrize("name", ["localhost", "bellhop"])
def test_a_name_that_means_something_else_is_refused(name: str) -> None:
    assert told({name: {"image": "db"}}) == [f"services.{name}: is no name for a service: every sandbox has it for itself"]


def test_there_are_not_many() -> None:
    assert told({f"db{number}": {"image": "db"} for number in range(11)}) == ["services: are 11, and 10 are the most"]


def test_a_profile_without_services_is_as_it_was() -> None:
    assert told({}) == []
    assert ServiceContainer(image="db").listens_on == ()
