"""What a repository's own `.bellhop/*.yaml`, as it stands on its default branch, takes away from a profile: read on the host's mirror."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.core.deciding.overlay import DIRECTORY, FOR_ALL, Narrowed, narrowed
from app.core.deciding.standing import voucher
from app.core.permission import may
from app.core.profile import Profile
from app.core.run import Run
from app.errors import PublishRefused
from app.git import Git
from app.ledger import remarks, runs
from app.ledger.runs import Lease
from app.profiles.yaml_tree import read_tree
from app.publish.candidate import SUBMODULE, SYMLINK
from tasks.deciding.choices import refuse_what_is_taken_away
from tasks.finishing.hold import as_it_works
from tasks.grants import authorise_grant
from tasks.parts import Parts

MOST_BYTES = 64 * 1024


def narrowed_at(git: Git, mirror: Path, commit: str, profile: Profile) -> Narrowed:
    """Return the profile as the repository has it at `commit`: what is there for all profiles, then what is there for this one.

    Raises WorkspaceError (git itself), never for what is in a file: that is a fault.
    """
    made = Narrowed(profile=profile)
    for name in (FOR_ALL, profile.name):
        overlay, fault = _read(git, mirror, commit, f"{DIRECTORY}{name}.yaml")
        if fault:
            return made.model_copy(update={"faults": (*made.faults, fault)})
        if overlay is not None:
            next_one = narrowed(made.profile, overlay)
            made = Narrowed(
                profile=next_one.profile, is_enabled=made.is_enabled and next_one.is_enabled,
                effects=(*made.effects, *next_one.effects), ignored=(*made.ignored, *next_one.ignored),
                faults=(*made.faults, *next_one.faults),
            )
    return made


def narrow(parts: Parts, lease: Lease, run: Run, default_commit: str) -> Run:
    """Put what the repository leaves of the run's profile on file, and return the run with it; safe to repeat.

    Raises PublishRefused where the repository will have none of it, where what it says cannot be followed, or where the person who rang
    has less than it asks for; ServiceError, WorkspaceError, LeaseLost.
    """
    git, mirror, repository = parts.workspaces.git, parts.workspaces.mirror(run.event.repo), run.event.repo.full_name
    with parts.database.read() as tx:
        # As it is on file: while a run plans it works with less than that.
        whole = runs.load(tx, run.id) or run
    made = narrowed_at(git, mirror, default_commit, whole.profile)
    if made.faults:
        raise PublishRefused(
            f"What {repository} says about this in {DIRECTORY} cannot be followed, so nothing was started: {'; '.join(made.faults[:5])}. "
            "Mend it on the default branch, and ring again.", reason="narrowing",
        )
    if not made.is_enabled:
        raise PublishRefused(f"{repository} has turned the profile {made.profile.name} off ({DIRECTORY}, `enabled: false`).", reason="turned_off")
    if made.profile == whole.profile and not made.ignored:
        return run
    _refuse_who_has_less(parts, whole, made.profile)
    refuse_what_is_taken_away(parts, whole, made.profile.choose)
    with parts.database.begin() as tx:
        runs.write(tx, lease, profile=made.profile.model_dump_json(by_alias=True))
        if made.ignored:
            remarks.add(tx, run.id, f"Of what {DIRECTORY} says, this changes nothing: {'; '.join(made.ignored[:10])}.")
    return as_it_works(parts, run.model_copy(update={"profile": made.profile}))


def _refuse_who_has_less(parts: Parts, run: Run, narrower: Profile) -> None:
    before, now = (voucher(run.event, each.who.apps) for each in (run.profile, narrower))
    if before == "app" and now != "app":
        raise PublishRefused(
            f"{run.event.repo.full_name} does not let {run.event.actor.login} (id {run.event.actor.id}) have this profile work ({DIRECTORY}).",
            reason="not_permitted",
        )
    if before != "person" or narrower.who.permission == run.profile.who.permission:
        return
    actor = run.event.actor
    with parts.credential(authorise_grant(run.event), run_id=run.id) as credential:
        role = parts.service(run.event).permission(credential, run.event.repo, actor.id, actor.login)
    if not may(role, narrower.who.permission):
        raise PublishRefused(
            f"{run.event.repo.full_name} asks for `{narrower.who.permission}` of whoever has this profile work ({DIRECTORY}), and {actor.login} "
            f"has `{role}`.", reason="not_permitted",
        )


def _read(git: Git, mirror: Path, commit: str, path: str) -> tuple[dict[str, Any] | None, str]:
    """Return a document of the repository, or what is wrong with it; neither where there is none."""
    listed = git.run("ls-tree", "-z", "-l", "--full-tree", commit, path, git_dir=mirror, caged=True)
    entry = listed.stdout.split(b"\0")[0]
    if not entry:
        return None, ""
    mode, _, object_id, size = entry.partition(b"\t")[0].decode("ascii").split()
    if mode in (SYMLINK, SUBMODULE) or not size.isdigit() or int(size) > MOST_BYTES:
        return None, f"{path} is no plain file of at most {MOST_BYTES // 1024} KB"
    content = git.run("cat-file", "blob", object_id, git_dir=mirror, limit_bytes=MOST_BYTES + 1, caged=True).stdout
    tree = read_tree(content)
    if tree.problems or tree.data is None:
        first = tree.problems[0] if tree.problems else None
        return None, f"{path}, line {first.mark.line}: {first.message}" if first else f"{path} holds nothing"
    return tree.data, ""
