"""Pull requests and their files, as GitHub's API shows them."""

from __future__ import annotations

from app.emulators.github import store, trees
from app.emulators.github.shapes.account import Json, user, user_or_none
from app.emulators.github.shapes.issue import association, label
from app.emulators.github.shapes.repository import repository
from app.emulators.github.state import Issue, Pull, Repository, node_id
from app.emulators.github.trees import FileChange
from app.emulators.github.world import World, iso, iso_or_none


def pull_of(issue: Issue) -> Pull:
    """Return the pull request of an issue that is one."""
    if issue.pull is None:
        raise LookupError(f"#{issue.number} is an issue, not a pull request")
    return issue.pull


def pull_simple(world: World, repo: Repository, found: Issue) -> Json:
    """Return a `pull-request-simple`, as lists show it."""
    pull = pull_of(found)
    api, web = f"{world.repo_api(repo)}/pulls/{found.number}", f"{world.repo_web(repo)}/pull/{found.number}"
    issue_api = f"{world.repo_api(repo)}/issues/{found.number}"
    assignees = [user(world, assignee) for assignee in found.assignees]
    statuses = f"{world.repo_api(repo)}/statuses/{pull.head_sha}"
    links = {
        "self": api, "html": web, "issue": issue_api, "comments": f"{issue_api}/comments",
        "review_comments": f"{api}/comments", "review_comment": f"{world.repo_api(repo)}/pulls/comments{{/number}}",
        "commits": f"{api}/commits", "statuses": statuses,
    }
    return {
        "url": api,
        "id": pull.id,
        "node_id": node_id("PullRequest", pull.id),
        "html_url": web,
        "diff_url": f"{web}.diff",
        "patch_url": f"{web}.patch",
        "issue_url": issue_api,
        "number": found.number,
        "state": found.state,
        "locked": False,
        "title": found.title,
        "user": user(world, found.user),
        "body": found.body,
        "created_at": iso(found.created_at),
        "updated_at": iso(found.updated_at),
        "closed_at": iso_or_none(found.closed_at),
        "merged_at": iso_or_none(pull.merged_at),
        "merge_commit_sha": pull.merge_commit_sha,
        "assignee": assignees[0] if assignees else None,
        "assignees": assignees,
        "requested_reviewers": [user(world, reviewer) for reviewer in pull.requested_reviewers],
        "requested_teams": [],
        "labels": [label(world, repo, one) for one in found.labels],
        "milestone": None,
        "draft": pull.draft,
        "commits_url": links["commits"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "comments_url": links["comments"],
        "statuses_url": statuses,
        "head": _side(world, pull.head_repo, pull.head_ref, pull.head_sha),
        "base": _side(world, repo, pull.base_ref, pull.base_sha),
        "_links": {name: {"href": url} for name, url in links.items()},
        "author_association": association(repo, found.user),
        "auto_merge": None if pull.merges_for is None else {
            "enabled_by": user(world, pull.merges_for), "merge_method": "merge", "commit_title": "", "commit_message": "",
        },
        "active_lock_reason": None,
    }


def pull(world: World, repo: Repository, found: Issue) -> Json:
    """Return a `pull-request`, the answer for a single one, with its size measured by git."""
    of = pull_of(found)
    changed = trees.changes(repo.path, of.base_sha, of.head_sha)
    commits = store.commits_between(repo.path, of.base_sha, of.head_sha)
    open_ = found.state == "open"
    mergeable = _mergeable(repo, of) if open_ else None
    return {
        **pull_simple(world, repo, found),
        "merged": of.merged_at is not None,
        "mergeable": mergeable,
        "rebaseable": mergeable,
        "mergeable_state": "unknown" if mergeable is None else "dirty" if not mergeable else "draft" if of.draft else "clean",
        "merged_by": user_or_none(world, of.merged_by),
        "comments": len(found.comments),
        "review_comments": len(found.review_comments),
        "maintainer_can_modify": False,
        "commits": len(commits),
        "additions": sum(change.additions for change in changed),
        "deletions": sum(change.deletions for change in changed),
        "changed_files": len(changed),
    }


def _mergeable(repo: Repository, pull: Pull) -> bool | None:
    """Return whether head and base go together; as at GitHub, whoever is the first to ask since one of them moved is not told yet."""
    base_sha = store.resolve(repo.path, f"refs/heads/{pull.base_ref}") or pull.base_sha
    if pull.mergeable is None or pull.mergeable[:2] != (base_sha, pull.head_sha):
        pull.mergeable = (base_sha, pull.head_sha, store.goes_together(repo.path, base_sha, pull.head_sha))
        return None
    return pull.mergeable[2]


def changed_file(world: World, repo: Repository, found: Issue, change: FileChange) -> Json:
    """Return a `diff-entry`, with the patch of a text file."""
    of = pull_of(found)
    web, api = world.repo_web(repo), world.repo_api(repo)
    shape: Json = {
        "sha": change.sha,
        "filename": change.filename,
        "status": change.status,
        "additions": change.additions,
        "deletions": change.deletions,
        "changes": change.additions + change.deletions,
        "blob_url": f"{web}/blob/{of.head_sha}/{change.filename}",
        "raw_url": f"{web}/raw/{of.head_sha}/{change.filename}",
        "contents_url": f"{api}/contents/{change.filename}?ref={of.head_sha}",
    }
    text = trees.patch(repo.path, of.base_sha, of.head_sha, change.filename)
    if "\n@@ " in text:
        shape["patch"] = text[text.index("\n@@ ") + 1 :]
    if change.previous_filename:
        shape["previous_filename"] = change.previous_filename
    return shape


def _side(world: World, repo: Repository, ref: str, sha: str) -> Json:
    return {
        "label": f"{repo.owner.login}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": user(world, repo.owner),
        "repo": repository(world, repo),
    }
