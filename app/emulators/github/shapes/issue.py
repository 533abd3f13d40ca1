"""Issues, labels and comments, as GitHub's API shows them."""

from __future__ import annotations

from app.emulators.github.shapes.account import Json, integration, user, user_or_none
from app.emulators.github.state import Comment, Issue, Label, Repository, User, node_id
from app.emulators.github.world import World, iso, iso_or_none


def label(world: World, repo: Repository, found: Label) -> Json:
    """Return a `label`."""
    return {
        "id": found.id,
        "node_id": node_id("Label", found.id),
        "url": f"{world.repo_api(repo)}/labels/{found.name.replace(' ', '%20')}",
        "name": found.name,
        "color": found.color,
        "default": False,
        "description": found.description,
    }


def association(repo: Repository, author: User) -> str:
    """Return how an author stands to the repository (`author_association`)."""
    if author.id == repo.owner.id:
        return "OWNER"
    if author.id in repo.collaborators and repo.collaborators[author.id] != "none":
        return "MEMBER" if repo.owner.kind == "Organization" else "COLLABORATOR"
    return "NONE"


def reactions(url: str) -> Json:
    """Return a `reaction-rollup` without any."""
    kinds = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")
    return {"url": f"{url}/reactions", "total_count": 0, **dict.fromkeys(kinds, 0)}


def issue(world: World, repo: Repository, found: Issue) -> Json:
    """Return an `issue`; that of a pull request has the member `pull_request`."""
    api = f"{world.repo_api(repo)}/issues/{found.number}"
    kind = "pull" if found.pull else "issues"
    assignees = [user(world, assignee) for assignee in found.assignees]
    shape: Json = {
        "url": api,
        "repository_url": world.repo_api(repo),
        "labels_url": f"{api}/labels{{/name}}",
        "comments_url": f"{api}/comments",
        "events_url": f"{api}/events",
        "html_url": f"{world.repo_web(repo)}/{kind}/{found.number}",
        "id": found.id,
        "node_id": node_id("Issue", found.id),
        "number": found.number,
        "title": found.title,
        "user": user(world, found.user),
        "labels": [label(world, repo, one) for one in found.labels],
        "state": found.state,
        "locked": False,
        "assignee": assignees[0] if assignees else None,
        "assignees": assignees,
        "milestone": None,
        "comments": len(found.comments),
        "created_at": iso(found.created_at),
        "updated_at": iso(found.updated_at),
        "closed_at": iso_or_none(found.closed_at),
        "author_association": association(repo, found.user),
        "active_lock_reason": None,
        "body": found.body,
        "closed_by": None,
        "reactions": reactions(api),
        "timeline_url": f"{api}/timeline",
        "performed_via_github_app": integration(world) if found.via_app else None,
        "state_reason": found.state_reason,
    }
    if found.pull:
        web = f"{world.repo_web(repo)}/pull/{found.number}"
        shape |= {
            "draft": found.pull.draft,
            "pull_request": {
                "url": f"{world.repo_api(repo)}/pulls/{found.number}",
                "html_url": web,
                "diff_url": f"{web}.diff",
                "patch_url": f"{web}.patch",
                "merged_at": iso_or_none(found.pull.merged_at),
            },
        }
    return shape


def comment(world: World, repo: Repository, of: Issue, found: Comment) -> Json:
    """Return an `issue-comment`."""
    api = f"{world.repo_api(repo)}/issues/comments/{found.id}"
    kind = "pull" if of.pull else "issues"
    return {
        "url": api,
        "html_url": f"{world.repo_web(repo)}/{kind}/{of.number}#issuecomment-{found.id}",
        "issue_url": f"{world.repo_api(repo)}/issues/{of.number}",
        "id": found.id,
        "node_id": node_id("IssueComment", found.id),
        "user": user_or_none(world, found.user),
        "created_at": iso(found.created_at),
        "updated_at": iso(found.updated_at),
        "author_association": association(repo, found.user),
        "body": found.body,
        "reactions": reactions(api),
        "performed_via_github_app": integration(world) if found.via_app else None,
    }
