"""What an agent has left in its workspace goes on with its session, in real sandboxes at every level, with real git (T27, T30, T62)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.emulators.github.emulator import GitHubEmulator
from tests.conftest import missing
from tests.e2e.embedded import Road, embedded
from tests.e2e.harness import LEVELS, REPO, profile, until

pytestmark = [pytest.mark.slow]  # whole runs, in real sandboxes

BEGIN = """\
set -e
mkdir -p build/.claude lib web/node_modules/dep .venv
echo built > build/out; echo object > x.o; echo dep > web/node_modules/dep/index.js; echo venv > .venv/here; echo order > build/.claude/settings.json
echo one > lib/one.txt; mv lib other; echo mine > shared.txt; echo mine > doomed.txt
rm README.md; mkdir README.md; echo inside > README.md/inside.txt
sed -i s/999/1000/ till.txt; chmod 755 till.txt
git config evil.here yes; git branch evil; git update-index --assume-unchanged hidden.txt; echo evil > hidden.txt
printf '#!/bin/sh\\ntouch /workspace/hooked.txt\\n' > .git/hooks/post-checkout; chmod 755 .git/hooks/post-checkout
"""
NEXT = """\
set +e
git status --porcelain --ignored > $HOME/said
cat build/out web/node_modules/dep/index.js .venv/here shared.txt other/one.txt README.md/inside.txt hidden.txt >> $HOME/said
for name in doomed.txt x.o build/.claude hooked.txt; do [ ! -e $name ] || echo $name >> $HOME/said; done
git config evil.here >> $HOME/said; git branch >> $HOME/said; grep -o 'What git ignores' >> $HOME/said
cp $HOME/said said.txt
"""
LEFT = ["built", "dep", "venv"]


# A path with a comma in it is none for an overlay, so that the checkout is copied.
COPIED = pytest.param("copied, bubblewrap", "process", marks=pytest.mark.bubblewrap, id="copied")


@pytest.mark.parametrize(("backend", "isolation"), [*LEVELS, COPIED])
def test_t62_what_git_ignores_goes_on_and_every_other_file_is_the_commits(
    backend: str, isolation: str, emulator: GitHubEmulator, tmp_path: Path, runtime_dir: Path, docker_host: str,
    request: pytest.FixtureRequest,
) -> None:
    place = tmp_path / backend
    place.mkdir()
    backend = backend.rpartition(" ")[2]
    image: str = request.getfixturevalue("bubblewrap" if backend == "bubblewrap" else "debian_image")
    if backend == "gvisor" and "runsc" not in request.getfixturevalue("docker_client").info()["Runtimes"]:
        missing("the Docker engine has no runtime `runsc`")
    text = profile(BEGIN, isolation=isolation, image=image if backend != "bubblewrap" else "", more="timeout-minutes: 3")
    text = text.replace("    run: |", f"    next: {json.dumps(NEXT)}\n    run: |")
    with embedded(emulator, place, runtime_dir, {"fix": text}, sandbox_backend=backend, docker_host=docker_host) as road:
        emulator.person("ada").push(REPO, "main", {".gitignore": "build/\n*.o\n", "hidden.txt": "theirs\n"})
        road.ring()
        road.told("ull request", timeout_seconds=150)
        assert emulator.read(REPO, road.branch(), "README.md/inside.txt") == "inside\n"
        kept = {path.name for path in road.state_dir.glob("homes/*/*")} - {"home", "of", "stands_on"}
        assert kept == {"copy" if "," in str(place) else "upper"}

        said = followed(road)
        assert said == [
            "?? .venv/", "?? web/", "!! build/", "!! x.o", *LEFT, "mine", "one", "inside", "theirs", "doomed.txt", "x.o", "* main", "What git ignores",
        ]

        # Somebody pushes in between: another text, one file less, and a rule by which something is not ignored any more.
        hers = {"shared.txt": "hers\n", "doomed.txt": None, ".gitignore": "build/\n", "till.txt": "cents: 2000\n"}
        emulator.person("ada").push(REPO, road.branch(), hers)
        said = followed(road)
        assert said == ["?? .venv/", "?? web/", "!! build/", *LEFT, "hers", "one", "inside", "theirs", "* main", "What git ignores"]
        with pytest.raises(LookupError):
            emulator.read(REPO, road.branch(), "doomed.txt")
        assert emulator.read(REPO, road.branch(), "till.txt") == "cents: 2000\n"
        road.nothing_is_left()


def followed(road: Road) -> list[str]:
    """Ada goes on in the thread; return what the agent saw."""
    before = road.newest().id
    road.github.person("ada").comment(REPO, 1, "@bellhop go on")
    until(lambda: road.newest().id != before and road.newest().state == "done", "the follow-up is done", road.log, 150)
    return road.github.read(REPO, road.branch(), "said.txt").splitlines()


SETUP = """\
setup: {steps: [{run: "mkdir -p build/sub && echo a > build/a.txt && echo b > build/sub/b.txt"}]}
timeout-minutes: 3
"""
OVER_A_LAYER = "rm build/a.txt && mv build/sub build/moved && echo mine > build/moved/mine.txt && sed -i s/999/1000/ till.txt\n"
LOOK = "(cd build && find . -type f | sort) > said.txt; grep -o 'What git ignores' >> said.txt || true"


@pytest.mark.bubblewrap
def test_t62_over_what_a_setup_installed_it_goes_on_only_while_that_is_the_same(
    bubblewrap: str, emulator: GitHubEmulator, tmp_path: Path, runtime_dir: Path
) -> None:
    text = profile(OVER_A_LAYER, isolation="process", more=SETUP).replace("    run: |", f"    next: {json.dumps(LOOK)}\n    run: |")
    with embedded(emulator, tmp_path, runtime_dir, {"fix": text}) as road:
        emulator.person("ada").push(REPO, "main", {".gitignore": "build/\n"})
        road.ring()
        road.told("ull request")
        assert followed(road) == ["./moved/b.txt", "./moved/mine.txt", "What git ignores"]
        # Another state of the dependencies is another layer: what was written over the old one is not laid over that.
        emulator.person("ada").push(REPO, road.branch(), {"requirements.txt": "a==1\n"})
        assert followed(road) == ["./a.txt", "./sub/b.txt"]
        road.nothing_is_left()
