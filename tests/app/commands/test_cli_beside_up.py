"""`bellhop run` beside a `bellhop up`: the run does not wait for the sweep, and nothing but ours is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.commands.bellhop import machine
from tests.e2e.harness import REPO, environment_for, github, profile, share_tooling
from tests.environment.services import free_port


@pytest.mark.bubblewrap
def test_a_run_beside_an_up_does_not_wait_for_the_sweep(tmp_path: Path, runtime_dir: Path, bubblewrap: str) -> None:
    with github(tmp_path / "github") as emulator:
        settings = environment_for(emulator, tmp_path, runtime_dir, port=free_port(), BELLHOP_SANDBOX_BACKEND="bubblewrap",
                                   BELLHOP_SWEEP_SECONDS="600")
        (tmp_path / "profiles" / "idle.yaml").write_text(profile("true", isolation="process"))
        ready = machine(tmp_path, runtime_dir, **settings)
        share_tooling(tmp_path / "state")
        up = ready.start("up")
        assert up.stdout is not None
        try:
            assert up.stdout.readline().startswith("Bellhop is up."), up.communicate(timeout=10)
            said = ready.run("run", "idle", "--repo", REPO, "--prompt", "Look.")
        finally:
            up.terminate()
            _, err = up.communicate(timeout=30)
    assert said.code == 0, said
    assert "localhost" not in said.err + err
    # The outcome has a line of its own, through a pipe too.
    assert any(line.startswith("nothing to do") for line in said.out.splitlines()), said.out
