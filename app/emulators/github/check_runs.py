"""What happens to check runs, and the buttons on them. The caller holds the lock and has checked who may."""

from __future__ import annotations

from app.emulators.github.shapes import check as shapes
from app.emulators.github.state import CheckRun, Repository, User
from app.emulators.github.webhooks import tell
from app.emulators.github.world import World


def tell_check(world: World, repo: Repository, found: CheckRun, action: str, sender: User) -> None:
    """Tell the App that made it what has become of a check run."""
    tell(world, "check_run", action, repo, sender, {"check_run": shapes.check_run(world, repo, found)})


def press(world: World, repo: Repository, check_run_id: int, identifier: str, actor: User) -> None:
    """Press a button of a check run that has ended (`check_run.requested_action`). Raises LookupError where there is none."""
    found = repo.check_runs.get(check_run_id)
    if found is None or found.status != "completed" or identifier not in [button["identifier"] for button in found.actions]:
        raise LookupError(f"{repo.full_name} shows no button {identifier} on a check run {check_run_id}")
    tell(world, "check_run", "requested_action", repo, actor, {
        "check_run": shapes.check_run(world, repo, found), "requested_action": {"identifier": identifier},
    })
