"""What goes on in the sandbox of a setup, played by a test, and what runs stand on afterwards."""

from __future__ import annotations

from typing import Any

from app.core.profile import Profile
from app.core.run import Run
from app.execute.workspace.layers import DIRECTORY
from app.ledger import sandboxes
from tasks.route import route
from tasks.start import start
from tests.tasks.scene import Scene, profile

FIX = {"README.md": "hello, world\n"}


def with_setup(**members: Any) -> Profile:
    """A profile with one step."""
    return profile(setup={"steps": [{"name": "Packages", "run": "npm ci"}], **members.pop("setup", {})}, **members)


def install(scene: Scene, run_id: str, role: str = "setup", **end: Any) -> None:
    """Let a setup's sandbox leave something, and end."""
    scratch = scene.settings.state_dir / "scratch" / f"{run_id}-{role}"
    made = scratch / "upper" / DIRECTORY / "node_modules"
    made.mkdir(parents=True)
    (made / "said").write_text(f"{run_id}-{role}")
    scene.end(run_id, role, **{"exit_code": 0, "duration_ms": 5, **end})


def set_up(scene: Scene) -> str:
    """Ring, let the setup end well, and return the run once its agent works."""
    run_id = scene.routed()
    start(scene.parts, run_id)
    if scene.run(run_id).state == "preparing":
        install(scene, run_id)
        scene.pump()
    assert scene.run(run_id).state == "running", scene.run(run_id)
    return run_id


def again(scene: Scene, number: int = 1) -> Run:
    """Ring once more, in the issue or the pull request of that number, and start what follows."""
    inbox_id = scene.ring(kind="issue_comment.created", said="@bellhop once more", number=number, is_pull_request=number != 1)
    route(scene.parts, inbox_id)
    run_id = scene.entry(inbox_id).run_id
    assert run_id is not None, scene.entry(inbox_id)
    start(scene.parts, run_id)
    return scene.run(run_id)


def stands_on(scene: Scene, sandbox_id: str) -> str | None:
    """Return which sandbox made what a sandbox stands on, or None."""
    name = scene.parts.workspaces.layers.under(scene.settings.state_dir / "scratch" / sandbox_id)
    if name is None:
        return None
    return (scene.settings.state_dir / "layers" / name / "workspace" / "node_modules" / "said").read_text()


def setups(scene: Scene, run_id: str) -> list[str]:
    """Return the setups that a run has had, by their sandboxes' roles."""
    with scene.database.read() as tx:
        return [row.role for row in sandboxes.of_run(tx, run_id) if row.role.startswith("setup")]


def layers(scene: Scene) -> list[str]:
    return sorted(path.name for path in (scene.settings.state_dir / "layers").glob("*"))
