"""An agent that does everything hostile text could ask of it, in a whole Bellhop, at every isolation level.

It writes what it got into the change that it proposes, so the pull request at the emulated GitHub tells. Each attempt has
its answer; the honest half of its work arrives all the same, so that a sandbox in which nothing works at all fails.
"""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import docker
import pytest
from pydantic import SecretStr

from app.embedded import running
from app.emulators.github.emulator import GitHubEmulator
from app.settings import Settings
from tests.conftest import missing
from tests.e2e.harness import LEVELS, REPO, SECRET, profile, share_tooling, until, what_is_left

pytestmark = [pytest.mark.slow]  # a whole run for each level

CANARY = "canary-7f3a9c-model-key-that-nobody-inside-may-see"
ATTACK = Path(__file__).with_name("hostile_agent.txt")


def settings_for(emulator: GitHubEmulator, place: Path, backend: str, docker_host: str) -> Settings:
    made = Settings(
        state_dir=place / "state", runtime_dir=place / "run", profiles_dir=place / "profiles", database_url="",
        broker_url="memory://", web_host="127.0.0.1", web_port=0, public_url="", host_name="here", sandbox_backend=backend,
        docker_host=docker_host, github_api_url=emulator.api_url, github_web_url=emulator.web_url,
        bot_login=f"{emulator.app.slug}[bot]", github_app_id=str(emulator.app.id), log_level="WARNING", sweep_seconds=1,
    )
    return made.model_copy(update={
        "github_webhook_secret": SecretStr(SECRET), "github_private_key": SecretStr(emulator.private_key_pem or ""),
        "anthropic_api_key": SecretStr(CANARY), "openai_api_key": SecretStr(CANARY),
        "anthropic_api_url": "http://127.0.0.1:1", "openai_api_url": "http://127.0.0.1:1",
    })


def everywhere(emulator: GitHubEmulator, place: Path) -> bytes:
    """Every byte that is kept or published: the ledger, and all of the emulated GitHub's repositories and words."""
    kept = b"".join(path.read_bytes() for path in (place / "state").glob("bellhop.db*"))
    words = [comment.body for comment in emulator.comments(REPO, 1)] + [pull.body or "" for pull in emulator.pull_requests(REPO)]
    return kept + "".join(words).encode()


@pytest.mark.parametrize(("backend", "isolation"), LEVELS)
def test_t19_an_obedient_agent_gets_nothing_out_and_nothing_in(
    backend: str, isolation: str, emulator: GitHubEmulator, place: Path, docker_host: str, debian_image: str,
    docker_client: docker.APIClient, static_busybox: Path,
) -> None:
    if backend == "gvisor" and "runsc" not in docker_client.info()["Runtimes"]:
        missing("the Docker engine has no runtime `runsc`")
    victim = place / "victim"
    victim.mkdir()
    (victim / "kept").write_text("untouched")
    victim.chmod(0o750)
    (place / "profiles").mkdir()
    share_tooling(place / "state")
    script = f"/agent/bin/python3 - {victim} <<'ATTACK'\n{ATTACK.read_text()}\nATTACK"
    (place / "profiles" / "fix.yaml").write_text(profile(
        script, isolation=isolation, image=debian_image if backend != "bubblewrap" else "",
        more="verify: /agent/bin/python3 -c \"import json; json.load(open('loot.json'))\"\ntimeout-minutes: 3",
    ))
    with running(settings_for(emulator, place, backend, docker_host)) as bellhop:
        emulator.set_webhook_url(f"{bellhop.url}/hooks/github")
        emulator.person("ada").label(REPO, 1, "bellhop")

        def told() -> bool:
            said = emulator.comments(REPO, 1)
            return bool(said) and any(word in said[0].body for word in ("ull request", "did not work", "Not done"))

        until(told, "the comment tells of an outcome", lambda: str(emulator.comments(REPO, 1)), timeout_seconds=150)
        assert emulator.pull_requests(REPO), emulator.comments(REPO, 1)[0].body
        until(lambda: what_is_left(place / "state", place / "run") == [], "nothing is left of the run")
        [pull] = emulator.pull_requests(REPO)
        [branch] = [name for name in emulator.branches(REPO) if name != "main"]
        loot: dict[str, Any] = json.loads(emulator.read(REPO, branch, "loot.json"))
        kept = everywhere(emulator, place)

    assert emulator.read(REPO, branch, "till.txt") == "cents: 1000\n"
    assert "**passed**" in (pull.body or "")
    assert loot.pop("uid") == 10_001
    # gVisor shows a process's environment, layout and open files to its own user, and none of them holds the key.
    shown = {"environ", "maps", "fd"} if backend == "gvisor" else set()
    assert set(loot.pop("runner_memory")) <= shown
    assert loot.pop("reached") == []
    assert loot.pop("sockets") == [], "the door is reached, not listed: /gateway can be passed through only"
    assert loot.pop("runner_calls") == {
        "hello": 409, "assignment": 401, "steps": 401, "bundle": 401, "end": 401, "messages": 401, "guess": 401,
    }
    assert loot.pop("model_calls") == {"anthropic": 403, "openai": 403, "models": 403, "connect": 404, "absolute": 404}
    assert loot.pop("writable") == []
    assert loot.pop("secret_places") == []
    assert loot.pop("keyring") in ("refused", "absent")
    assert loot.pop("user_namespace") == "refused"
    assert loot == {}
    # Secrets: what is only ever in the host's processes.
    key_line = (emulator.private_key_pem or "").splitlines()[1]
    for secret in (CANARY, SECRET, key_line):
        assert secret.encode() not in kept
    # What was planted for the host to follow.
    assert (victim / "kept").read_text() == "untouched"
    assert stat.S_IMODE(victim.stat().st_mode) == 0o750
    assert emulator.live_tokens() == []
    message = emulator.commit(REPO, branch).message
    trailers = [line.split(":")[0] for line in message.splitlines() if re.match(r"[A-Za-z-]+: ", line)]
    assert trailers == ["Co-authored-by", "Bellhop-Run"]
    assert "boss@evil" not in message
