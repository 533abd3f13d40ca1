"""Commits, branches, refs and files, as GitHub's API shows them."""

from __future__ import annotations

import base64

from app.emulators.github import store, trees
from app.emulators.github.shapes.account import Json, user_or_none
from app.emulators.github.state import Repository, User, node_id
from app.emulators.github.store import Commit, Signature
from app.emulators.github.trees import TreeEntry
from app.emulators.github.world import World, iso

_UNSIGNED = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


def git_commit(world: World, repo: Repository, found: Commit) -> Json:
    """Return a `git-commit`, the raw object."""
    api, web = world.repo_api(repo), world.repo_web(repo)
    return {
        "sha": found.sha,
        "node_id": node_id("Commit", repo.id) + found.sha,
        "url": f"{api}/git/commits/{found.sha}",
        "html_url": f"{web}/commit/{found.sha}",
        "author": _signature(found.author),
        "committer": _signature(found.committer),
        "tree": {"sha": found.tree, "url": f"{api}/git/trees/{found.tree}"},
        "message": found.message,
        "parents": [
            {"sha": parent, "url": f"{api}/git/commits/{parent}", "html_url": f"{web}/commit/{parent}"}
            for parent in found.parents
        ],
        "verification": _UNSIGNED,
    }


def commit(world: World, repo: Repository, found: Commit) -> Json:
    """Return a `commit`, with the accounts whose addresses it carries."""
    api, web = world.repo_api(repo), world.repo_web(repo)
    raw = git_commit(world, repo, found)
    url = f"{api}/commits/{found.sha}"
    return {
        "sha": found.sha,
        "node_id": raw["node_id"],
        "commit": {
            "author": raw["author"],
            "committer": raw["committer"],
            "message": found.message,
            "tree": raw["tree"],
            "url": raw["url"],
            "comment_count": 0,
            "verification": _UNSIGNED,
        },
        "url": url,
        "html_url": raw["html_url"],
        "comments_url": f"{url}/comments",
        "author": user_or_none(world, account_of(world, found.author)),
        "committer": user_or_none(world, account_of(world, found.committer)),
        "parents": [
            {"sha": parent, "url": f"{api}/commits/{parent}", "html_url": f"{web}/commit/{parent}"}
            for parent in found.parents
        ],
    }


def short_branch(world: World, repo: Repository, name: str, sha: str) -> Json:
    """Return a `short-branch`, as lists show it."""
    return {"name": name, "commit": {"sha": sha, "url": f"{world.repo_api(repo)}/commits/{sha}"}, "protected": False}


def branch(world: World, repo: Repository, name: str, sha: str) -> Json:
    """Return a `branch-with-protection`, the answer for a single one."""
    api = f"{world.repo_api(repo)}/branches/{name}"
    return {
        "name": name,
        "commit": commit(world, repo, store.read_commit(repo.path, sha)),
        "_links": {"self": api, "html": f"{world.repo_web(repo)}/tree/{name}"},
        "protected": False,
        "protection": {
            "enabled": False,
            "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []},
        },
        "protection_url": f"{api}/protection",
    }


def ref(world: World, repo: Repository, name: str, sha: str) -> Json:
    """Return a `git-ref`; `name` is the full one."""
    api = world.repo_api(repo)
    return {
        "ref": name,
        "node_id": node_id("Ref", repo.id) + name,
        "url": f"{api}/git/{name}",
        "object": {"sha": sha, "type": "commit", "url": f"{api}/git/commits/{sha}"},
    }


def content(world: World, repo: Repository, entry: TreeEntry, revision: str, *, listed: bool) -> Json:
    """Return a `content-file` with its bytes in base64, or without them when it stands in a directory's list."""
    name = entry.path.rsplit("/", 1)[-1]
    url = f"{world.repo_api(repo)}/contents/{entry.path}?ref={revision}"
    is_directory = entry.kind == "tree"
    git_url = f"{world.repo_api(repo)}/git/{'trees' if is_directory else 'blobs'}/{entry.sha}"
    html_url = f"{world.repo_web(repo)}/{'tree' if is_directory else 'blob'}/{revision}/{entry.path}"
    raw = None if is_directory else f"{world.repo_web(repo)}/raw/{revision}/{entry.path}"
    kind = "dir" if is_directory else {"120000": "symlink", "160000": "submodule"}.get(entry.mode, "file")
    shape: Json = {
        "name": name, "path": entry.path, "sha": entry.sha, "size": entry.size, "url": url, "html_url": html_url,
        "git_url": git_url, "download_url": raw, "type": kind,
        "_links": {"self": url, "git": git_url, "html": html_url},
    }
    if not listed:
        data = trees.blob(repo.path, entry.sha)
        if kind == "symlink":
            shape["target"] = data.decode(errors="replace")
        else:
            shape |= {"content": base64.encodebytes(data).decode(), "encoding": "base64"}
    return shape


def account_of(world: World, signature: Signature) -> User | None:
    """Return the account that a commit's address belongs to (also by GitHub's `ID+login@users.noreply` form)."""
    for account in world.state.users.values():
        if signature.email in (account.email, noreply(account)):
            return account
    return None


def noreply(account: User) -> str:
    """Return the private address that GitHub gives an account."""
    return f"{account.id}+{account.login}@users.noreply.github.com"


def _signature(signature: Signature) -> Json:
    return {"name": signature.name, "email": signature.email, "date": iso(signature.at)}
