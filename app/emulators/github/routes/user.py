"""What a person's own token, or an App's for a person who has signed in, says of that person.

https://docs.github.com/rest/users/users and
https://docs.github.com/rest/apps/installations#list-app-installations-accessible-to-the-user-access-token
"""

from __future__ import annotations

from app.emulators.github.call import Answer, Call
from app.emulators.github.dispatch import Endpoint
from app.emulators.github.problems import not_by_integration, not_found
from app.emulators.github.shapes import account
from app.emulators.github.shapes.repository import repository
from app.emulators.github.state import Installation, Repository, User
from app.emulators.github.world import iso


def get_user(call: Call) -> Answer:
    """GET /user: a `public-user`, as an App without a permission on accounts gets it."""
    user = call.the_user()
    nothing = dict.fromkeys(("company", "blog", "location", "hireable", "bio"))
    counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    since = iso(call.world.app.created_at)
    return Answer(200, {**account.user(call.world, user), "name": user.name, "email": None, **nothing, **counts, "created_at": since, "updated_at": since})


def list_installations(call: Call) -> Answer:
    """GET /user/installations: those with a repository to which the person has access of their own, not as anybody has."""
    user = _for_whom(call)
    found = [one for one in call.world.state.installations.values() if one.suspended_at is None and _theirs(call, one, user)]
    return call.page(found, lambda one: account.installation(call.world, one), under="installations")


def list_repositories(call: Call) -> Answer:
    """GET /user/installations/{id}/repositories: of those that the installation covers, the person's, with what they may do."""
    user = _for_whom(call)
    found = call.world.state.installations.get(call.params["installation_id"])
    theirs = _theirs(call, found, user) if found else []
    if not theirs:
        raise not_found()

    def shape(repo: Repository) -> account.Json:
        held = account.collaborator(call.world, user, repo.role_of(user))
        return {**repository(call.world, repo), "permissions": held["permissions"]}

    return call.page(theirs, shape, under="repositories")


def _for_whom(call: Call) -> User:
    if call.caller.user_token is None:
        raise not_by_integration()
    return call.the_user()


def _theirs(call: Call, installation: Installation, user: User) -> list[Repository]:
    return [
        repo for repo in call.world.state.repositories.values()
        if installation.covers(repo) and (repo.owner.id == user.id or repo.collaborators.get(user.id, "none") != "none")
    ]


ENDPOINTS = [
    Endpoint("GET", "/user", get_user),
    Endpoint("GET", "/user/installations", list_installations),
    Endpoint("GET", "/user/installations/{installation_id:int}/repositories", list_repositories),
]
