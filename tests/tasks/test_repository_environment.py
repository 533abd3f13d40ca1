"""What leads git and GitHub's clients inside a sandbox to its door."""

from __future__ import annotations

from app.core.assignment import Assignment
from app.core.sandbox.door import DoorRules
from tasks.starting.repository_door import with_repository

URL = "https://github.example/octo/hello.git"


def settings(*, env: dict[str, str] | None = None, connect: tuple[str, ...] = (), repository: str | None = "octo/hello") -> dict[str, str]:
    asked = Assignment(
        run_id="r", role="work", argv=("true",), timeout_seconds=1, idle_timeout_seconds=1, env=env or {},
        door=DoorRules(repository=repository, connect=connect),
    )
    return with_repository(asked, URL).env


def rewrites(env: dict[str, str]) -> list[tuple[str, str]]:
    return [(env[f"GIT_CONFIG_KEY_{number}"], env[f"GIT_CONFIG_VALUE_{number}"]) for number in range(int(env["GIT_CONFIG_COUNT"]))]


def test_every_form_of_address_leads_to_the_door() -> None:
    env = settings()
    key = "url.http://127.0.0.1:4117/git/.insteadOf"
    assert rewrites(env) == [
        (key, "https://github.example/"), (key, "git@github.example:"), (key, "ssh://git@github.example/"),
        ("http.http://127.0.0.1:4117/.proxy", ""),
    ]
    assert env["GITHUB_API_URL"] == "http://127.0.0.1:4117/github"


def test_where_tunnels_to_the_host_pass_only_the_own_repository_leads_there() -> None:
    found = rewrites(settings(connect=("github.example:443",)))
    assert found[0] == ("url.http://127.0.0.1:4117/git/octo/hello.insteadOf", "https://github.example/octo/hello")


def test_what_the_profile_sets_for_git_stays() -> None:
    env = settings(env={"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.abbrev", "GIT_CONFIG_VALUE_0": "7", "GITHUB_API_URL": "x"})
    assert rewrites(env)[0] == ("core.abbrev", "7")
    assert env["GIT_CONFIG_COUNT"] == "5"
    assert env["GITHUB_API_URL"] == "x"
    assert settings(env={"GIT_CONFIG_COUNT": "many"})["GIT_CONFIG_COUNT"] == "4"


def test_without_a_repository_nothing_is_set() -> None:
    assert settings(repository=None) == {}
