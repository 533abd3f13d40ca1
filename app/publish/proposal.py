"""What a run is about to publish: checked, committed in quarantine, waiting for `verify` and the push."""

from __future__ import annotations

from pathlib import Path

from app.core.noun import Noun
from app.publish.candidate import FileChange
from app.publish.policy import Violation


class Proposal(Noun):
    """`commit`, over `base_commit`, stands in the bare repository `git_dir`; `said` is the agent's last word, untrusted.

    `warnings` come first in the pull request; `unfinished` says why the agent did not end well (empty: it did),
    which makes the pull request a draft. `title` is the agent's own, if it proposed one. `tree` is the commit's: what a
    replay is compared with. `merged` is the commit of the base's that it merges (empty: none); `changes` are then those to the merge.
    """

    git_dir: Path
    commit: str
    tree: str = ""
    title: str = ""
    base_commit: str = ""  # one put on file by an older release does not say
    said: str = ""
    changes: tuple[FileChange, ...]
    warnings: tuple[Violation, ...] = ()
    draft: bool = False
    unfinished: str = ""
    merged: str = ""
