"""A result that was worked out over somebody else's agent configuration, taken back to the one of its pull request."""

from __future__ import annotations

from app.core.sandbox.agent_config import with_own_config
from app.errors import PublishRefused
from app.git import Git
from app.git_trees import read_files, write_commit
from app.publish.candidate import Candidate, read_candidate


def over_own_config(git: Git, candidate: Candidate, head: str, patch_limit_bytes: int) -> tuple[Candidate, tuple[str, ...]]:
    """Return the candidate as a change to `head`, and the paths of agent configuration that it changed in vain.

    `candidate` was made over `head` with other agent configuration. The head's own comes back as it was: what a run
    on a pull request makes of configuration that it saw only the default branch's of, nobody could review.
    Raises PublishRefused, WorkspaceError.
    """
    result = read_files(git, candidate.git_dir, candidate.head_commit)
    own, shown = read_files(git, candidate.git_dir, head), read_files(git, candidate.git_dir, candidate.base_commit)
    try:
        files, dropped = with_own_config(result, own, shown)
    except ValueError as error:
        raise PublishRefused(
            f"The result was not published: it puts a file where the pull request has a directory, or the other way round, at "
            f"{ascii(str(error))[1:-1][:200]}, and agent configuration depends on it. Ask for another name.", reason="config_conflict",
        ) from error
    if files == own:
        raise PublishRefused(
            "The result was not published: all it changes is agent configuration, which a run on a pull request takes from the "
            "default branch. Ask for that in an issue.", reason="config_only",
        )
    commit = write_commit(git, candidate.git_dir, head, own, files, "result")
    return read_candidate(git, candidate.git_dir, head, commit, patch_limit_bytes), dropped
