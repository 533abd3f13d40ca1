"""Branches, refs, commits and files, straight from the bare repository."""

from __future__ import annotations

import base64
import binascii

from app.emulators.github import store, trees
from app.emulators.github.call import Answer, Body, Call, Need
from app.emulators.github.dispatch import Endpoint
from app.emulators.github.problems import Problem, not_found
from app.emulators.github.pushes import moved
from app.emulators.github.shapes import commit as shapes
from app.emulators.github.shapes.account import Json
from app.emulators.github.state import Repository
from app.emulators.github.store import Signature

READ: Need = ("contents", "read")
WRITE: Need = ("contents", "write")


class NewRef(Body):
    """A ref to make."""

    ref: str
    sha: str


class MovedRef(Body):
    """Where a ref should point."""

    sha: str
    force: bool = False


class NewContent(Body):
    """A file to commit; `sha` is the blob that it replaces."""

    message: str
    content: str
    branch: str | None = None
    sha: str | None = None


def list_branches(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/branches."""
    repo = call.repository(READ)
    found = [(ref.removeprefix("refs/heads/"), sha) for ref, sha in store.refs(repo.path).items()]
    return call.page(found, lambda one: shapes.short_branch(call.world, repo, *one))


def get_branch(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/branches/{branch}."""
    repo = call.repository(READ)
    sha = store.refs(repo.path).get(f"refs/heads/{call.params['branch']}")
    if sha is None:
        raise Problem(404, "Branch not found")
    return Answer(200, shapes.branch(call.world, repo, call.params["branch"], sha))


def get_ref(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/git/ref/{ref}."""
    repo = call.repository(READ)
    name = f"refs/{call.params['ref']}"
    sha = store.refs(repo.path, "refs/").get(name)
    if sha is None:
        raise not_found()
    return Answer(200, shapes.ref(call.world, repo, name, sha))


def matching_refs(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/git/matching-refs/{ref}."""
    repo = call.repository(READ)
    prefix = f"refs/{call.params['ref']}"
    found = [one for one in store.refs(repo.path, "refs/").items() if one[0].startswith(prefix)]
    return call.page(found, lambda one: shapes.ref(call.world, repo, *one))


def create_ref(call: Call) -> Answer:
    """POST /repos/{owner}/{repo}/git/refs."""
    repo = call.repository(WRITE, role="write")
    asked = call.read(NewRef)
    sha = store.resolve(repo.path, asked.sha)
    if not asked.ref.startswith(("refs/heads/", "refs/tags/")):
        raise Problem(422, "Reference name must start with 'refs/'.")
    if sha is None or sha != asked.sha:
        raise Problem(422, "Object does not exist")
    if asked.ref in store.refs(repo.path, "refs/"):
        raise Problem(422, "Reference already exists")
    store.update_ref(repo.path, asked.ref, sha)
    moved(call.world, repo, asked.ref, store.NO_COMMIT, sha, call.actor)
    return Answer(201, shapes.ref(call.world, repo, asked.ref, sha))


def update_ref(call: Call) -> Answer:
    """PATCH /repos/{owner}/{repo}/git/refs/{ref}."""
    repo = call.repository(WRITE, role="write")
    asked = call.read(MovedRef)
    name, before = _existing(call, repo)
    after = store.resolve(repo.path, asked.sha)
    if after is None or after != asked.sha:
        raise Problem(422, "Object does not exist")
    if not asked.force and not store.is_ancestor(repo.path, before, after):
        raise Problem(422, "Update is not a fast forward")
    store.update_ref(repo.path, name, after)
    moved(call.world, repo, name, before, after, call.actor)
    return Answer(200, shapes.ref(call.world, repo, name, after))


def delete_ref(call: Call) -> Answer:
    """DELETE /repos/{owner}/{repo}/git/refs/{ref}."""
    repo = call.repository(WRITE, role="write")
    name, before = _existing(call, repo)
    store.update_ref(repo.path, name, store.NO_COMMIT)
    moved(call.world, repo, name, before, store.NO_COMMIT, call.actor)
    return Answer(204)


def get_commit(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/commits/{ref}."""
    repo = call.repository(READ)
    sha = store.resolve(repo.path, call.params["ref"])
    if sha is None:
        raise Problem(422, f"No commit found for SHA: {call.params['ref']}")
    return Answer(200, shapes.commit(call.world, repo, store.read_commit(repo.path, sha)))


def list_commits(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/commits, newest first, from `sha` (a branch or an id)."""
    repo = call.repository(READ)
    head = store.resolve(repo.path, call.query.get("sha") or repo.default_branch)
    if head is None:
        raise not_found() if store.refs(repo.path) else Problem(409, "Git Repository is empty.")
    found = list(reversed(store.commits_between(repo.path, store.NO_COMMIT, head)))
    return call.page(found, lambda sha: shapes.commit(call.world, repo, store.read_commit(repo.path, sha)))


def get_git_commit(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/git/commits/{sha}."""
    repo = call.repository(READ)
    sha = store.resolve(repo.path, call.params["sha"])
    if sha is None or sha != call.params["sha"]:
        raise not_found()
    return Answer(200, shapes.git_commit(call.world, repo, store.read_commit(repo.path, sha)))


def get_contents(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/contents/{path}: a file with its bytes, or a directory's list."""
    repo = call.repository(READ)
    revision = call.query.get("ref") or repo.default_branch
    name = str(call.params.get("path", "")).strip("/")
    sha = store.resolve(repo.path, revision)
    if sha is None:
        raise Problem(404, f"No commit found for the ref {revision}")
    found = trees.entries(repo.path, sha, name)
    if not found:
        raise not_found()
    if len(found) == 1 and found[0].path == name:
        return Answer(200, shapes.content(call.world, repo, found[0], revision, listed=False))
    return Answer(200, [shapes.content(call.world, repo, one, revision, listed=True) for one in found])


def put_contents(call: Call) -> Answer:
    """PUT /repos/{owner}/{repo}/contents/{path}: commit one file, as a person editing in the browser does."""
    name = str(call.params["path"]).strip("/")
    repo = call.repository(WRITE, role="write")
    if name.startswith(".github/workflows/") and call.caller.token:
        call.authorize(repo, ("workflows", "write"))
    asked = call.read(NewContent)
    branch = asked.branch or repo.default_branch
    before = store.resolve(repo.path, f"refs/heads/{branch}")
    old = trees.entries(repo.path, before, name) if before else []
    if before is None and store.refs(repo.path):
        raise Problem(404, f"Branch {branch} not found")
    if old and asked.sha is None:
        raise Problem(422, "Invalid request.\n\n\"sha\" wasn't supplied.")
    if old and asked.sha != old[0].sha:
        raise Problem(409, f"{name} does not match {asked.sha}")
    try:
        data = base64.b64decode(asked.content)
    except binascii.Error as error:
        raise Problem(422, "content is not valid Base64") from error
    actor = call.actor
    author = Signature(actor.name or actor.login, actor.email or shapes.noreply(actor), call.world.now())
    after = store.commit_files(
        repo.path, branch, {name: ("100644", data)}, message=asked.message, author=author, parent=before
    )
    moved(call.world, repo, f"refs/heads/{branch}", before or store.NO_COMMIT, after, actor)
    entry = trees.entries(repo.path, after, name)[0]
    body: Json = {
        "content": shapes.content(call.world, repo, entry, branch, listed=True),
        "commit": shapes.git_commit(call.world, repo, store.read_commit(repo.path, after)),
    }
    return Answer(200 if old else 201, body)


def _existing(call: Call, repo: Repository) -> tuple[str, str]:
    name = f"refs/{call.params['ref']}"
    sha = store.refs(repo.path, "refs/").get(name)
    if sha is None:
        raise Problem(422, "Reference does not exist")
    return name, sha


ENDPOINTS = [
    Endpoint("GET", "/repos/{owner}/{repo}/branches", list_branches),
    Endpoint("GET", "/repos/{owner}/{repo}/branches/{branch:path}", get_branch),
    Endpoint("GET", "/repos/{owner}/{repo}/git/ref/{ref:path}", get_ref),
    Endpoint("GET", "/repos/{owner}/{repo}/git/matching-refs/{ref:path}", matching_refs),
    Endpoint("POST", "/repos/{owner}/{repo}/git/refs", create_ref),
    Endpoint("PATCH", "/repos/{owner}/{repo}/git/refs/{ref:path}", update_ref),
    Endpoint("DELETE", "/repos/{owner}/{repo}/git/refs/{ref:path}", delete_ref),
    Endpoint("GET", "/repos/{owner}/{repo}/git/commits/{sha}", get_git_commit),
    Endpoint("GET", "/repos/{owner}/{repo}/commits", list_commits),
    Endpoint("GET", "/repos/{owner}/{repo}/commits/{ref:path}", get_commit),
    Endpoint("GET", "/repos/{owner}/{repo}/contents", get_contents),
    Endpoint("GET", "/repos/{owner}/{repo}/contents/{path:path}", get_contents),
    Endpoint("PUT", "/repos/{owner}/{repo}/contents/{path:path}", put_contents),
]
