"""Auto-merge: a pull request that is merged once its required checks are green. The caller holds the lock and has checked who may.

https://docs.github.com/en/graphql/reference/mutations#enablepullrequestautomerge
"""

from __future__ import annotations

from app.emulators.github import merging
from app.emulators.github.shapes.pull import pull_of
from app.emulators.github.state import Issue, Repository, User
from app.emulators.github.world import World


def why_not(repo: Repository, issue: Issue, method: str, expected: str | None) -> str:
    """Return why GitHub would not take it on, or an empty string. The emulator merges by merge commits only."""
    pull = pull_of(issue)
    faults = {
        "Auto merge is not allowed for this repository": not repo.allow_auto_merge,
        f"Merge method {method.lower()} is not allowed on this repository": method != "MERGE",
        "Pull request is closed": issue.state != "open",
        "Pull request is in draft state": pull.draft,
        "Head branch was modified. Review and try the merge again.": expected not in (None, pull.head_sha),
        "Pull request is in clean status": _is_green(repo, pull.head_sha),
    }
    return next((why for why, is_so in faults.items() if is_so), "")


def settle(world: World, repo: Repository, sha: str) -> None:
    """Merge what waits for a commit whose checks are green by now."""
    for issue in list(repo.issues.values()):
        pull = issue.pull
        if pull is None or pull.merges_for is None or issue.state != "open" or pull.draft:
            continue
        if pull.head_sha == sha and _is_green(repo, sha):
            merging.merge(world, repo, issue, pull.merges_for)


def switch(issue: Issue, by: User | None) -> None:
    """Have it merged for somebody, or for nobody any more."""
    pull_of(issue).merges_for = by


def _is_green(repo: Repository, sha: str) -> bool:
    """Whether nothing is missing: of each required context the newest status or check run is a success."""
    newest = {status.context: status.state for status in repo.statuses if status.sha == sha}
    newest |= {run.name: run.conclusion or "" for run in repo.check_runs.values() if run.head_sha == sha}
    return all(newest.get(context) == "success" for context in repo.required_contexts)
