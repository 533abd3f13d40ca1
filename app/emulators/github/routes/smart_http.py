"""Git over smart HTTP, by git's own `http-backend` (CGI), streamed both ways.

https://git-scm.com/docs/git-http-backend
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from app.emulators.github.call import Caller, caller_of
from app.emulators.github.dispatch import credentials
from app.emulators.github.hooks import MAY_CHANGE_WORKFLOWS, MOVED_REFS_FILE
from app.emulators.github.problems import Problem
from app.emulators.github.pushes import moved
from app.emulators.github.state import Repository, User
from app.emulators.github.store import git_environment
from app.emulators.github.tokens import allows
from app.emulators.github.world import World

GIT_HTTP_TIMEOUT_SECONDS = 120.0
CHUNK_BYTES = 65536
_CHALLENGE = {"www-authenticate": 'Basic realm="GitHub"'}


@dataclass(frozen=True)
class Admitted:
    """Somebody who may do what they ask: the repository, who pushes (None: a fetch), and whether workflows too."""

    repo: Repository
    pusher: User | None
    may_change_workflows: bool


def routes(world: World) -> list[Route]:
    """Return the three endpoints of git's smart HTTP."""
    answer = _endpoint(world)
    base = "/{owner}/{name}"
    return [
        Route(f"{base}/info/refs", answer, methods=["GET"]),
        Route(f"{base}/git-upload-pack", answer, methods=["POST"]),
        Route(f"{base}/git-receive-pack", answer, methods=["POST"]),
    ]


def _endpoint(world: World) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        action = request.url.path.split("/", 3)[3]
        service = request.query_params.get("service", "") if action == "info/refs" else action
        if service not in ("git-upload-pack", "git-receive-pack"):
            return PlainTextResponse("Please upgrade your git client.\n", 403)
        admitted = await run_in_threadpool(_admit, world, request, service == "git-receive-pack")
        if isinstance(admitted, Response):
            return admitted
        return await _run(world, request, admitted, action)

    return answer


def _admit(world: World, request: Request, pushes: bool) -> Admitted | Response:
    owner, name = request.path_params["owner"], request.path_params["name"].removesuffix(".git")
    full_name = f"{owner}/{name}"
    with world.lock:
        state = world.state
        repo = state.repository(full_name)
        try:
            caller = caller_of(world, *credentials(request.headers.get("authorization")))
            if repo is None and full_name.lower() in state.moved:
                now_named = state.repositories[state.moved[full_name.lower()]].full_name
                rest = request.url.path.split("/", 3)[3]
                return RedirectResponse(f"{world.web_url}/{now_named}.git/{rest}?{request.url.query}", 301)
            return _judge(world, caller, repo, pushes)
        except Problem as problem:
            words = "Invalid username or token." if str(problem) == "Bad credentials" else str(problem)
            return PlainTextResponse(f"{words}\n", problem.status, _CHALLENGE if problem.status == 401 else None)


def _judge(world: World, caller: Caller, repo: Repository | None, pushes: bool) -> Admitted:
    """Return what the caller may do. Raises Problem with git's words for it."""
    missing = Problem(404, "Repository not found.")
    if caller.app or not (caller.token or caller.person):
        if caller.app or repo is None or repo.private or pushes:
            raise Problem(401, "Authentication required.")
        return Admitted(repo, None, False)
    if repo is None:
        raise missing
    if caller.token and not caller.token.covers(repo):
        if repo.private or pushes:
            raise missing
    elif caller.token:
        if not allows(caller.token, "contents", "write" if pushes else "read"):
            raise Problem(403, "Write access to repository not granted.")
    elif caller.person:
        role = repo.role_of(caller.person)
        if role == "none":
            raise missing
        if pushes and role not in ("write", "maintain", "admin"):
            raise Problem(403, f"Permission to {repo.full_name}.git denied to {caller.person.login}.")
    if pushes and repo.archived:
        raise Problem(403, "This repository was archived so it is read-only.")
    workflows = caller.token is None or allows(caller.token, "workflows", "write")
    return Admitted(repo, (caller.person or world.app.bot) if pushes else None, workflows)


async def _run(world: World, request: Request, admitted: Admitted, action: str) -> Response:
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bellhop-emulator-push-")))
        moved_refs = scratch / "moved"
        process = await asyncio.create_subprocess_exec(
            "git", "http-backend", stdin=PIPE, stdout=PIPE, stderr=PIPE,
            env=_cgi(request, admitted, action, moved_refs),
        )
        watchdog = asyncio.get_running_loop().call_later(GIT_HTTP_TIMEOUT_SECONDS, _kill, process)
        stack.callback(watchdog.cancel)
        stack.callback(_kill, process)
        # http-backend writes its headers at once and the rest only after it read all: so feeding comes first.
        await _feed(request, process)
        assert process.stdout is not None  # noqa: S101 - asked for by PIPE
        status, headers = 200, {}
        while line := (await process.stdout.readline()).decode("latin-1").strip():
            name, _, value = line.partition(":")
            if name.lower() == "status":
                status = int(value.split()[0])
            else:
                headers[name.lower()] = value.strip()
        if not headers:
            return PlainTextResponse("git http-backend said nothing\n", 500)
        rest = stack.pop_all()
    return StreamingResponse(_body(world, process, admitted, moved_refs, rest), status, headers)


async def _body(
    world: World, process: Process, admitted: Admitted, moved_refs: Path, stack: contextlib.ExitStack
) -> AsyncIterator[bytes]:
    with stack:
        assert process.stdout is not None  # noqa: S101 - asked for by PIPE
        while chunk := await process.stdout.read(CHUNK_BYTES):
            yield chunk
        await process.wait()
        # Before the last byte: who pushed finds pull requests and deliveries up to date when git returns.
        await run_in_threadpool(_after_push, world, admitted, moved_refs)


def _after_push(world: World, admitted: Admitted, moved_refs: Path) -> None:
    if admitted.pusher is None or not moved_refs.exists():
        return
    with world.lock:
        for line in moved_refs.read_text(encoding="utf-8").splitlines():
            before, after, ref = line.split(" ", 2)
            moved(world, admitted.repo, ref, before, after, admitted.pusher)


async def _feed(request: Request, process: Process) -> None:
    assert process.stdin is not None  # noqa: S101 - asked for by PIPE
    # git ends early when it refuses, and what it would not read is of no use to anybody.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, ClientDisconnect):
        async for chunk in request.stream():
            process.stdin.write(chunk)
            await process.stdin.drain()
    process.stdin.close()


def _cgi(request: Request, admitted: Admitted, action: str, moved_refs: Path) -> dict[str, str]:
    path = admitted.repo.path
    environment = {
        **git_environment(),
        "GIT_PROJECT_ROOT": str(path.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{path.name}/{action}",
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": request.url.query,
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
        "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
        "REMOTE_ADDR": request.client.host if request.client else "",
        MAY_CHANGE_WORKFLOWS: "yes" if admitted.may_change_workflows else "no",
        MOVED_REFS_FILE: str(moved_refs),
    }
    if "content-length" in request.headers:
        environment["CONTENT_LENGTH"] = request.headers["content-length"]
    if admitted.pusher is not None:
        # http-backend serves receive-pack to whoever is authenticated.
        environment["REMOTE_USER"] = admitted.pusher.login
    return environment


def _kill(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
