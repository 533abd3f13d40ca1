"""Which happenings the App hears of, and the payloads it gets.

Shapes: the `webhooks` part of https://github.com/github/rest-api-description
"""

from __future__ import annotations

import json

from app.emulators.github.deliveries import Delivery, Target
from app.emulators.github.shapes.account import Json, installation, user
from app.emulators.github.shapes.repository import pushed_repository, repository
from app.emulators.github.state import Installation, Repository, User, node_id
from app.emulators.github.world import World

# The permission that an App needs to be told of an event:
# https://docs.github.com/webhooks/webhook-events-and-payloads
_PERMISSION = {
    "issues": "issues",
    "issue_comment": "issues",
    "pull_request": "pull_requests",
    "pull_request_review": "pull_requests",
    "pull_request_review_comment": "pull_requests",
    "push": "contents",
    "status": "statuses",
    "check_run": "checks",
    "workflow_run": "actions",
    "check_suite": "checks",
    "label": "metadata",
    "repository": "metadata",
}


def target(world: World) -> Target:
    """Return where the App's deliveries go now."""
    app = world.app
    return Target(app_id=app.id, hook_id=app.hook_id, url=app.webhook_url, secret=app.webhook_secret)


def tell(world: World, event: str, action: str | None, repo: Repository, sender: User, body: Json) -> Delivery | None:
    """Send an event of a repository to the App, if it is installed there, subscribed and permitted to know.

    `body` is what is special to the event; the caller holds the lock.
    """
    state = world.state
    if state.app is None:
        return None
    found = state.installation_on(repo)
    if found is None or found.suspended_at or event not in found.events:
        return None
    needed = _PERMISSION.get(event)
    if needed and needed != "metadata" and needed not in found.permissions:
        return None
    payload: Json = {} if action is None else {"action": action}
    payload |= body
    payload["repository"] = (pushed_repository if event == "push" else repository)(world, repo)
    if repo.owner.kind == "Organization":
        payload["organization"] = _organization(world, repo.owner)
    payload["sender"] = user(world, sender)
    payload["installation"] = {"id": found.id, "node_id": node_id("IntegrationInstallation", found.id)}
    return _send(world, event, action, payload, found, repo.id)


def tell_installation(world: World, action: str, found: Installation, sender: User) -> Delivery:
    """Send an `installation` event, which every App gets without asking."""
    covered = [repo for repo in world.state.repositories.values() if found.covers(repo)]
    payload: Json = {
        "action": action,
        "installation": installation(world, found),
        "repositories": [_brief(repo) for repo in covered],
        "requester": None,
        "sender": user(world, sender),
    }
    return _send(world, "installation", action, payload, found, None)


def tell_coverage(world: World, found: Installation, sender: User, repo: Repository, *, covered: bool) -> Delivery:
    """Send `installation_repositories`, which every App gets without asking: a repository was added or removed."""
    lists: dict[str, list[Json]] = {"repositories_added": [], "repositories_removed": []}
    lists["repositories_added" if covered else "repositories_removed"].append(_brief(repo))
    payload: Json = {
        "action": "added" if covered else "removed",
        "installation": installation(world, found),
        "repository_selection": "selected",
        **lists,
        "requester": None,
        "sender": user(world, sender),
    }
    return _send(world, "installation_repositories", str(payload["action"]), payload, found, None)


def _brief(repo: Repository) -> Json:
    return {
        "id": repo.id, "node_id": node_id("Repository", repo.id), "name": repo.name, "full_name": repo.full_name,
        "private": repo.private,
    }


def _send(
    world: World, event: str, action: str | None, payload: Json, found: Installation, repository_id: int | None
) -> Delivery:
    body = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
    return world.deliveries.send(
        target(world), event, action, body,
        installation_id=found.id, repository_id=repository_id, at=world.now(),
    )


def _organization(world: World, account: User) -> Json:
    url = f"{world.api_url}/orgs/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id("Organization", account.id),
        "url": url,
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events",
        "hooks_url": f"{url}/hooks",
        "issues_url": f"{url}/issues",
        "members_url": f"{url}/members{{/member}}",
        "public_members_url": f"{url}/public_members{{/member}}",
        "avatar_url": f"{world.web_url}/avatars/u/{account.id}?",
        "description": "",
    }
