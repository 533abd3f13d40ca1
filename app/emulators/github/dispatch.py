"""From HTTP to a Call and back: authentication, the lock, the rate limit and GitHub's headers on every answer."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.emulators.github.call import Answer, Call, Need, caller_of
from app.emulators.github.problems import Problem
from app.emulators.github.world import World

RATE_WINDOW_SECONDS = 3600

Handler = Callable[[Call], Answer]


@dataclass(frozen=True)
class Endpoint:
    """One documented endpoint, its path below `root`."""

    method: str
    path: str
    handler: Handler
    root: str = "/api/v3"


class RateLimits:
    """Counts requests per identity and hour. The caller holds the world's lock."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._used: dict[str, tuple[int, int]] = {}

    def count(self, identity: str, now: float, *, free: bool = False) -> dict[str, int]:
        """Count one request (unless `free`) and return `limit`, `remaining`, `reset` and `used`."""
        window = int(now) // RATE_WINDOW_SECONDS
        started, used = self._used.get(identity, (window, 0))
        used = used if started == window else 0
        if not free:
            used += 1
            self._used[identity] = (window, used)
        return {
            "limit": self.limit,
            "remaining": max(0, self.limit - used),
            "reset": (window + 1) * RATE_WINDOW_SECONDS,
            "used": used,
        }


class WriteLimits:
    """Refuses an identity's writes that come too soon after its last one, counted from when that was answered. The caller holds the world's lock.

    Tokens are asked for and given back as often as one likes. https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
    """

    def __init__(self, spacing_seconds: float) -> None:
        self._spacing_seconds = spacing_seconds
        self._last: dict[str, float] = {}

    def check(self, identity: str, method: str, path: str) -> bool:
        """Return whether this is a write that counts. Raises Problem."""
        if not self._spacing_seconds or method in ("GET", "HEAD") or path.endswith(("/access_tokens", "/installation/token")):
            return False
        last = self._last.get(identity)
        if last is not None and time.monotonic() - last < self._spacing_seconds:
            raise Problem(
                403, "You have exceeded a secondary rate limit and have been temporarily blocked from content creation. Please retry your request again later.",
                docs="https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits", headers={"retry-after": "60"},
            )
        return True

    def wrote(self, identity: str) -> None:
        """Note that a write was done."""
        self._last[identity] = time.monotonic()


def routes(world: World, endpoints: list[Endpoint]) -> list[Route]:
    """Return the Starlette routes of the REST API. What is below a repository's name is also below its id."""
    limits, writes = RateLimits(world.rate_limit), WriteLimits(world.write_spacing_seconds)
    made = []
    for endpoint in endpoints:
        paths = [endpoint.path]
        if endpoint.path.startswith("/repos/{owner}/{repo}"):
            paths.append(endpoint.path.replace("/repos/{owner}/{repo}", "/repositories/{repo_id:int}", 1))
        made += [
            Route(f"{endpoint.root}{path}", _endpoint(world, limits, writes, endpoint.handler), methods=[endpoint.method])
            for path in paths
        ]
    return made


def credentials(header: str | None) -> tuple[str, str]:
    """Return the scheme (lower case) and the secret of an Authorization header; a Basic one's secret is its password."""
    scheme, _, secret = (header or "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, password = base64.b64decode(secret.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "basic", "malformed"
        return "basic", password or name
    return scheme.lower(), secret.strip()


def _endpoint(world: World, limits: RateLimits, writes: WriteLimits, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(_answer, world, limits, writes, handler, request, body)

    return answer


def _answer(
    world: World, limits: RateLimits, writes: WriteLimits, handler: Handler, request: Request, body: bytes
) -> Response:
    with world.lock:
        now = world.now().timestamp()
        identity, free = "127.0.0.1", request.url.path == "/api/v3/rate_limit"
        accepted: tuple[Need, ...] = ()
        try:
            caller = caller_of(world, *credentials(request.headers.get("authorization")))
            identity = caller.identity
            rate = limits.count(identity, now, free=free)
            if rate["used"] > limits.limit and not free:
                raise Problem(403, f"API rate limit exceeded for {identity}.",
                              docs="https://docs.github.com/rest/overview/rate-limits-for-the-rest-api")
            counts = writes.check(identity, request.method, request.url.path)
            call = Call(
                world, caller, params=request.path_params, query=dict(request.query_params), body=body,
                path=request.url.path, rate=rate,
            )
            try:
                answer = handler(call)
            finally:
                accepted = call.accepted
                if counts:
                    writes.wrote(identity)
        except Problem as problem:
            rate = limits.count(identity, now, free=True)
            moved = problem.status == 301 and request.method not in ("GET", "HEAD")
            answer = Answer(307 if moved else problem.status, problem.body, problem.headers)
    return _response(answer, rate, accepted)


def _response(answer: Answer, rate: dict[str, int], accepted: tuple[Need, ...]) -> Response:
    headers = {
        **{f"x-ratelimit-{name}": str(number) for name, number in rate.items()},
        "x-ratelimit-resource": "core",
        "x-github-request-id": ":".join(secrets.token_hex(2).upper() for _ in range(5)),
        "x-github-media-type": "github.v3; format=json",
        "x-github-enterprise-version": "3.17.0",
        **answer.headers,
    }
    if accepted:
        headers["x-accepted-github-permissions"] = "; ".join(f"{name}={access}" for name, access in accepted)
    if answer.body is None:
        return Response(status_code=answer.status, headers=headers)
    content = json.dumps(answer.body, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(content, answer.status, headers, media_type="application/json; charset=utf-8")
