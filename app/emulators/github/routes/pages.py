"""Plain pages for people: what a repository's, an issue's, a pull request's or a commit's `html_url` opens."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from app.emulators.github import store, trees
from app.emulators.github.state import Issue, Repository
from app.emulators.github.world import World, iso

_STYLE = "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}pre{overflow:auto;background:#f6f8fa;padding:1em;white-space:pre-wrap}"


def routes(world: World) -> list[Route]:
    """Return the pages; anybody on this network may read them, private or not: it is an emulator."""
    def page(show: Callable[[World, Repository, Request], Response | None]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            with world.lock:
                repo = world.state.repository(f"{request.path_params['owner']}/{request.path_params['name']}")
                return (repo and show(world, repo, request)) or _page("Not found", "<p>There is nothing here.</p>", 404)

        return answer

    return [
        Route("/{owner}/{name}", page(_repository)),
        Route("/{owner}/{name}/issues/{number:int}", page(_conversation)),
        Route("/{owner}/{name}/pull/{number:int}.diff", page(_diff)),
        Route("/{owner}/{name}/pull/{number:int}", page(_conversation)),
        Route("/{owner}/{name}/commit/{sha}", page(_commit)),
    ]


def _repository(world: World, repo: Repository, _request: Request) -> Response:
    items = "".join(
        f'<li><a href="{world.repo_web(repo)}/{"pull" if one.pull else "issues"}/{one.number}">#{one.number} '
        f"{escape(one.title)}</a> ({_state(one)})</li>"
        for one in repo.issues.values()
    )
    branches = "".join(
        f"<li>{escape(ref.removeprefix('refs/heads/'))} <code>{sha[:12]}</code></li>"
        for ref, sha in store.refs(repo.path).items()
    )
    return _page(repo.full_name, f"<h2>Branches</h2><ul>{branches}</ul><h2>Issues and pull requests</h2><ul>{items}</ul>")


def _conversation(world: World, repo: Repository, request: Request) -> Response | None:
    issue = repo.issues.get(request.path_params["number"])
    if issue is None:
        return None
    labels = ", ".join(escape(label.name) for label in issue.labels) or "none"
    parts = [
        f'<p><a href="{world.repo_web(repo)}">{escape(repo.full_name)}</a> #{issue.number}, {_state(issue)}, by '
        f"{escape(issue.user.login)}; labels: {labels}</p>",
        f"<pre>{escape(issue.body or '')}</pre>",
    ]
    parts += [
        f'<h3 id="issuecomment-{comment.id}">{escape(comment.user.login)}, {iso(comment.created_at)}</h3>'
        f"<pre>{escape(comment.body)}</pre>"
        for comment in issue.comments
    ]
    if issue.pull:
        text = trees.patch(repo.path, issue.pull.base_sha, issue.pull.head_sha)
        into = f"{escape(issue.pull.head_ref)} into {escape(issue.pull.base_ref)}"
        parts.append(f"<h2>Changes: {into}</h2><pre>{escape(text)}</pre>")
    return _page(issue.title, "".join(parts))


def _diff(_world: World, repo: Repository, request: Request) -> Response | None:
    issue = repo.issues.get(request.path_params["number"])
    if issue is None or issue.pull is None:
        return None
    return PlainTextResponse(trees.patch(repo.path, issue.pull.base_sha, issue.pull.head_sha))


def _commit(_world: World, repo: Repository, request: Request) -> Response | None:
    sha = store.resolve(repo.path, request.path_params["sha"])
    if sha is None:
        return None
    commit = store.read_commit(repo.path, sha)
    who = f"{commit.author.name} <{commit.author.email}>, {iso(commit.author.at)}"
    return _page(f"{repo.full_name} {sha[:12]}", f"<p>{escape(who)}</p><pre>{escape(commit.message)}</pre>")


def _state(issue: Issue) -> str:
    if issue.pull and issue.pull.merged_at:
        return "merged"
    return "draft" if issue.pull and issue.pull.draft and issue.state == "open" else issue.state


def _page(title: str, body: str, status: int = 200) -> Response:
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    headers = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return HTMLResponse(f"{head}<h1>{escape(title)}</h1>{body}</html>", status, headers)
