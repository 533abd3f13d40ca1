"""A follow-up on what a setup has installed: its agent finds what the one before made of it, over the same layer; `verify` finds it as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.emulators.github.emulator import GitHubEmulator
from app.ledger import runs, sandboxes
from tests.conftest import missing
from tests.e2e.embedded import embedded
from tests.e2e.harness import LEVELS, REPO, profile, until

pytestmark = [pytest.mark.slow]  # whole runs, in real sandboxes

MORE = """\
setup:
  steps:
    - run: |
        mkdir -p node_modules/one node_modules/two ~/.tool ~/.gone
        echo installed | tee node_modules/one/index.js node_modules/two/index.js ~/.tool/said ~/.gone/said
verify: grep -q installed node_modules/one/index.js && grep -q installed node_modules/two/index.js && grep -q installed ~/.tool/said ~/.gone/said
timeout-minutes: 3
"""
BEGIN = """\
set -e
grep -q installed node_modules/one/index.js node_modules/two/index.js ~/.tool/said ~/.gone/said
echo mine >node_modules/one/index.js; rm -r node_modules/two ~/.gone; mkdir node_modules/three; echo mine >~/.tool/said
git status --porcelain >$HOME/status; cp $HOME/status status.txt
"""
NEXT = "cat node_modules/one/index.js ~/.tool/said >said.txt; (cd node_modules; echo *) >>said.txt; [ -e ~/.gone ] || echo gone >>said.txt"


@pytest.mark.parametrize(("backend", "isolation"), LEVELS)
def test_t62_a_follow_up_stands_on_the_same_layer_and_finds_what_was_made_of_it(
    backend: str, isolation: str, emulator: GitHubEmulator, tmp_path: Path, runtime_dir: Path, docker_host: str,
    request: pytest.FixtureRequest,
) -> None:
    image: str = request.getfixturevalue("bubblewrap" if backend == "bubblewrap" else "debian_image")
    if backend == "gvisor" and "runsc" not in request.getfixturevalue("docker_client").info()["Runtimes"]:
        missing("the Docker engine has no runtime `runsc`")
    text = profile(BEGIN, isolation=isolation, image=image if backend != "bubblewrap" else "", more=MORE)
    text = text.replace("    run: |", f"    next: {json.dumps(NEXT)}\n    run: |", 1)
    with embedded(emulator, tmp_path, runtime_dir, {"fix": text}, sandbox_backend=backend, docker_host=docker_host) as road:
        emulator.person("ada").push(REPO, "main", {".gitignore": "node_modules/\nsaid\n"})
        road.ring()
        road.told("**passed** in a fresh sandbox", timeout_seconds=150)
        first = road.newest()
        assert emulator.read(REPO, first.branch, "status.txt") == ""
        emulator.person("ada").comment(REPO, 1, "@bellhop go on")
        until(lambda: road.newest().id != first.id and road.newest().state == "done", "the follow-up is done", road.log, 150)
        second = road.newest()
        assert emulator.read(REPO, second.branch, "said.txt").split() == ["mine", "mine", "one", "three", "gone"]
        road.told("**passed** in a fresh sandbox")
        with road.bellhop.database.read() as tx:
            assert [row.role for row in sandboxes.of_run(tx, second.id)] == ["work", "verify"]
            assert "preparing" in [name for name, _ in runs.timeline(tx, first.id)]
        road.nothing_is_left()
