"""The pages: `/` the runs, `/runs/{id}` one run with its live transcript, `/events` why, and the same as JSON below `/api`.

The operator sees all of it; a person who has signed in with GitHub sees the runs of repositories that they may read, and nothing else.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from app.core.run import Run
from app.ledger import audit, inbox, runs, steps
from app.ledger.audit import AuditRow
from app.ledger.database import Database, clock_ms
from app.observe import access, stream, views
from app.observe.events_page import EventsPage
from app.observe.facts import headline, link, now_of
from app.observe.listing import beside, paused_lines, waiting
from app.observe.metrics import Metrics
from app.observe.signin.link_page import LinkPage, how_without_signin
from app.observe.signin.options import SigninOptions
from app.observe.signin.signin import Signin, way_in
from app.observe.text import clock, line, printable, span
from app.observe.viewer import OPERATOR, Viewer

log = structlog.get_logger()

ASSETS = {"bellhop.css": "text/css", "live.js": "text/javascript", "bellhop.svg": "image/svg+xml"}

PAGE_RUNS = 50
PAGE_IGNORED = 10
PAGE_STEPS = 200
API_STEPS = 1000
API_AUDIT = 1000

_RUN_ID = re.compile(r"[a-z0-9]{1,20}")
_NUMBER = re.compile(r"[0-9]{1,9}")

Handler = Callable[[Request], Awaitable[Response]]


class PageOptions(NamedTuple):
    """`web_url` is the forge's: only what begins with it becomes a link. `public_url` says whether there is TLS, `metrics_token` opens `/metrics` (empty: none does), `signin` is for people who sign in with GitHub (None: nobody does)."""

    templates_dir: Path
    web_url: str
    public_url: str = ""
    metrics_token: str = ""
    signin: SigninOptions | None = None


def page_routes(database: Database, options: PageOptions, stopping: threading.Event | None = None) -> list[Route]:
    """Return the routes of all pages; each but `/enter`, `/health`, the assets and what signs people in needs a session, `/metrics` that or its token.

    Live transcripts end when `stopping` is set.
    """
    pages = _Pages(database, options, stopping)
    guarded = pages.guarded
    events = EventsPage(database, pages.render)
    return [
        *pages.signin_routes(),
        Route("/", guarded(pages.runs, for_people=True)),
        Route("/runs/{run_id}", guarded(pages.run, for_people=True)),
        Route("/runs/{run_id}/live", guarded(pages.live, for_people=True)),
        Route("/api/runs", guarded(pages.api_runs, for_people=True)),
        Route("/api/runs/{run_id}", guarded(pages.api_run, for_people=True)),
        Route("/api/runs/{run_id}/credentials", guarded(pages.api_credentials, for_people=True)),
        Route("/enter", pages.door, methods=["GET"]),
        Route("/enter", pages.enter, methods=["POST"]),
        Route("/assets/{name}", pages.asset),
        Route("/events", guarded(events.page)),
        Route("/api/events", guarded(events.api)),
        Route("/metrics", Metrics(database, options.metrics_token).page),
        Route("/health", pages.health),
    ]


def page_not_found() -> Response:
    """Return the answer for what is not there."""
    return HTMLResponse('<!doctype html><html lang="en"><meta charset="utf-8"><title>Bellhop</title><p>There is no such page.',
                        status_code=404, headers=access.SECURITY_HEADERS)


class _Pages:
    def __init__(self, database: Database, options: PageOptions, stopping: threading.Event | None) -> None:
        self._database = database
        self._options = options
        self._stopping = stopping
        self._templates = Environment(
            loader=FileSystemLoader(options.templates_dir / "pages"), undefined=StrictUndefined, autoescape=True,
            trim_blocks=True, lstrip_blocks=True,
        )
        self._templates.filters |= {"clock": clock, "span": span, "line": line}
        self._templates.globals |= {"who": "", "headline": lambda run: headline(run, options.web_url),
                                    "link": lambda url: link(url, options.web_url)}

        self._signin = None if options.signin is None else Signin(database, options.signin, self.render)

    def signin_routes(self) -> list[Route]:
        """Return the routes by which people sign in with GitHub and link accounts; without that they say so."""
        if self._signin is None:
            return [Route(path, _answering(self.no_signin)) for path in ("/signin", "/signin/callback", "/link")]
        routes = [*self._signin.routes(), *LinkPage(self._database, self._signin, self.render).routes()]
        return [Route(each.path, _answering(each.endpoint), methods=list(each.methods or ())) for each in routes]

    def guarded(self, handler: Handler, *, for_people: bool = False) -> Handler:
        """Let only the holder of a session through, and whoever has signed in with GitHub to what is `for_people`; the handler finds its `viewer`."""

        async def guard(request: Request) -> Response:
            try:
                viewer = await self._who_is_looking(request)
                if isinstance(viewer, Response):
                    return viewer
                if viewer.person is not None and not for_people:
                    return PlainTextResponse(access.OPERATORS_ONLY, status_code=403, headers=access.SECURITY_HEADERS)
                request.state.viewer = viewer
                return await handler(request)
            except SQLAlchemyError as error:
                return _no_database(error)

        return guard

    async def _who_is_looking(self, request: Request) -> Viewer | Response:
        if await access.may_see(request, self._database):
            return OPERATOR
        if self._signin is None:
            return access.refused(request, f"{access.NO_SESSION}{access.NO_SIGNIN}")
        known = await self._signin.known(request)
        if known is not None:
            return Viewer(known.person)
        return self._signin.again(request) or access.refused(request, access.NO_SESSION, way_in(request))

    async def no_signin(self, request: Request) -> Response:
        how = await run_in_threadpool(how_without_signin, self._database, request.query_params.get("token", "")[:200])
        answer = self.render("message.html.j2", title="Nobody signs in here", says=f"{access.NO_SIGNIN} {how}".strip(), onward="")
        answer.status_code = 404
        return answer

    async def runs(self, request: Request) -> Response:
        offset, viewer = _whole(request.query_params.get("offset"), 0), _viewer(request)

        def look() -> dict[str, Any]:
            with self._database.read() as tx:
                found = _runs_for(tx, viewer, PAGE_RUNS + 1, offset)
                queued = [run for run in waiting(tx, PAGE_RUNS) if viewer.may_see(run)]
                about_all = {
                    "totals": sorted(inbox.delivery_totals(tx).items()), "ignored": inbox.recent_ignored(tx, PAGE_IGNORED), "paused": paused_lines(tx),
                } if viewer == OPERATOR else {"totals": [], "ignored": [], "paused": []}
                return {"found": found, "waiting": queued, "beside": beside(tx, [*found, *queued]), **about_all}

        seen = await run_in_threadpool(look)
        found = seen.pop("found")
        return self.render(
            "runs.html.j2", runs=found[:PAGE_RUNS], who=viewer.login, **seen,
            newer=None if offset == 0 else max(0, offset - PAGE_RUNS),
            older=offset + PAGE_RUNS if len(found) > PAGE_RUNS else None,
            live=any(run.state != "done" for run in found),
        )

    async def run(self, request: Request) -> Response:
        run_id, viewer = request.path_params["run_id"], _viewer(request)
        before = _whole(request.query_params.get("before"), -1)

        def look() -> tuple[views.RunView, list[dict[str, Any]], dict[str, Any]] | None:
            with self._database.read() as tx:
                found = views.view(tx, run_id) if _may_see(tx, viewer, run_id) else None
                if found is None:
                    return None
                rows = steps.before(tx, run_id, before if before >= 0 else None, PAGE_STEPS)
                now = now_of(found, self._options.web_url, clock_ms(tx))
            return found, [stream.step_shown(row) for row in rows], now

        seen = await run_in_threadpool(look)
        if seen is None:
            return page_not_found()
        found, shown, now = seen
        return self.render(
            "run.html.j2", who=viewer.login, run=found.run, now=now, steps=shown, first=shown[0]["sequence"] if shown else 0,
            last=shown[-1]["sequence"] if shown else -1, newest=before < 0, patch=printable(found.patch),
        )

    async def live(self, request: Request) -> Response:
        run_id, viewer = request.path_params["run_id"], _viewer(request)

        def exists() -> bool:
            with self._database.read() as tx:
                return _may_see(tx, viewer, run_id)

        if not await run_in_threadpool(exists):
            return page_not_found()
        # A browser that reconnects says how far it got.
        seen = request.headers.get("last-event-id") or request.query_params.get("after")
        frames = stream.follow(
            self._database, run_id, _whole(seen, -1), web_url=self._options.web_url, stopping=self._stopping
        )
        headers = access.SECURITY_HEADERS | {"X-Accel-Buffering": "no"}
        return StreamingResponse(viewer.while_allowed(frames), media_type="text/event-stream", headers=headers)

    async def api_runs(self, request: Request) -> Response:
        offset, viewer = _whole(request.query_params.get("offset"), 0), _viewer(request)

        def look() -> list[dict[str, Any]]:
            with self._database.read() as tx:
                return [views.run_json(run) for run in _runs_for(tx, viewer, PAGE_RUNS, offset)]

        return JSONResponse(await run_in_threadpool(look), headers=access.SECURITY_HEADERS)

    async def api_run(self, request: Request) -> Response:
        run_id, viewer = request.path_params["run_id"], _viewer(request)
        after = _whole(request.query_params.get("after"), -1)

        def look() -> dict[str, Any] | None:
            with self._database.read() as tx:
                found = views.view(tx, run_id) if _may_see(tx, viewer, run_id) else None
                if found is None:
                    return None
                rows = steps.after(tx, run_id, after, API_STEPS + 1)
            return views.view_json(found) | {
                "steps": [views.step_json(row) for row in rows[:API_STEPS]],
                "next_after": rows[API_STEPS - 1].sequence if len(rows) > API_STEPS else None,
            }

        found = await run_in_threadpool(look)
        if found is None:
            return JSONResponse({"reason": "no_such_run"}, status_code=404, headers=access.SECURITY_HEADERS)
        return JSONResponse(found, headers=access.SECURITY_HEADERS)

    async def api_credentials(self, request: Request) -> Response:
        run_id, viewer = request.path_params["run_id"], _viewer(request)
        after = _whole(request.query_params.get("after"), 0)

        def look() -> list[tuple[int, AuditRow]] | None:
            with self._database.read() as tx:
                if not _may_see(tx, viewer, run_id):
                    return None
                return audit.after(tx, run_id, after, API_AUDIT + 1)

        rows = await run_in_threadpool(look)
        if rows is None:
            return JSONResponse({"reason": "no_such_run"}, status_code=404, headers=access.SECURITY_HEADERS)
        return JSONResponse({
            "credentials": [views.audit_json(*row) for row in rows[:API_AUDIT]],
            "next_after": rows[API_AUDIT - 1][0] if len(rows) > API_AUDIT else None,
        }, headers=access.SECURITY_HEADERS)

    async def door(self, request: Request) -> Response:
        return self.render("enter.html.j2", key=request.query_params.get("key", "")[:200])

    async def enter(self, request: Request) -> Response:
        try:
            secure = self._options.public_url.startswith("https://")
            return await access.enter(request, self._database, secure=secure)
        except SQLAlchemyError as error:
            return _no_database(error)

    async def asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in ASSETS:
            return page_not_found()
        return FileResponse(self._options.templates_dir / "pages" / name, media_type=ASSETS[name],
                            headers=access.SECURITY_HEADERS | {"Cache-Control": "no-cache"})

    async def health(self, _request: Request) -> Response:
        def look() -> int:
            with self._database.read() as tx:
                return clock_ms(tx)

        try:
            await run_in_threadpool(look)
        except SQLAlchemyError as error:
            return _no_database(error)
        return JSONResponse({"ok": True}, headers=access.SECURITY_HEADERS)

    def render(self, name: str, **values: Any) -> Response:
        """Return a page of a template and its values."""
        return HTMLResponse(self._templates.get_template(name).render(**values), headers=access.SECURITY_HEADERS)


def _viewer(request: Request) -> Viewer:
    viewer: Viewer = request.state.viewer
    return viewer


def _may_see(tx: Connection, viewer: Viewer, run_id: str) -> bool:
    """Return whether there is such a run for this viewer: one that is not theirs is none."""
    found = runs.load(tx, run_id) if _RUN_ID.fullmatch(run_id) else None
    return found is not None and viewer.may_see(found)


def _runs_for(tx: Connection, viewer: Viewer, limit: int, offset: int) -> list[Run]:
    return runs.recent(tx, limit, offset) if viewer == OPERATOR else runs.among(tx, viewer.may_see, limit, offset)


def _answering(handler: Handler) -> Handler:
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except SQLAlchemyError as error:
            return _no_database(error)

    return answer


def _no_database(error: SQLAlchemyError) -> Response:
    log.error("page_not_read", error=type(error).__name__)
    return PlainTextResponse("The database does not answer. Try again in a moment.\n", status_code=503,
                             headers=access.SECURITY_HEADERS | {"Retry-After": "10"})


def _whole(text: str | None, default: int) -> int:
    # No database takes a number of any length.
    return int(text) if text is not None and _NUMBER.fullmatch(text) else default
