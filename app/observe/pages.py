"""The pages: `/` the runs, `/runs/{id}` one run with its live transcript, `/events` why, and the same as JSON below `/api`."""

from __future__ import annotations

import re
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from app.ledger import audit, inbox, runs, steps
from app.ledger.audit import AuditRow
from app.ledger.database import Database, clock_ms
from app.observe import access, stream, views
from app.observe.events_page import EventsPage
from app.observe.facts import headline, link, now_of
from app.observe.listing import beside, paused_lines, waiting
from app.observe.metrics import Metrics
from app.observe.text import clock, line, printable, span

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
    """`web_url` is the forge's: only what begins with it becomes a link. `public_url` says whether there is TLS, `metrics_token` opens `/metrics` (empty: none does)."""

    templates_dir: Path
    web_url: str
    public_url: str = ""
    metrics_token: str = ""


def page_routes(database: Database, options: PageOptions, stopping: threading.Event | None = None) -> list[Route]:
    """Return the routes of all pages; each but `/enter`, `/health` and the assets needs a session, `/metrics` that or its token.

    Live transcripts end when `stopping` is set.
    """
    pages = _Pages(database, options, stopping)
    guarded = pages.guarded
    events = EventsPage(database, pages.render)
    return [
        Route("/", guarded(pages.runs)),
        Route("/runs/{run_id}", guarded(pages.run)),
        Route("/runs/{run_id}/live", guarded(pages.live)),
        Route("/api/runs", guarded(pages.api_runs)),
        Route("/api/runs/{run_id}", guarded(pages.api_run)),
        Route("/api/runs/{run_id}/credentials", guarded(pages.api_credentials)),
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
        self._templates.globals |= {"headline": lambda run: headline(run, options.web_url),
                                    "link": lambda url: link(url, options.web_url)}

    def guarded(self, handler: Handler) -> Handler:
        """Let only the holder of a session through."""

        async def guard(request: Request) -> Response:
            try:
                if not await access.may_see(request, self._database):
                    return access.refused(request)
                return await handler(request)
            except SQLAlchemyError as error:
                return _no_database(error)

        return guard

    async def runs(self, request: Request) -> Response:
        offset = _whole(request.query_params.get("offset"), 0)

        def look() -> dict[str, Any]:
            with self._database.read() as tx:
                found, queued = runs.recent(tx, PAGE_RUNS + 1, offset), waiting(tx, PAGE_RUNS)
                return {
                    "found": found, "totals": sorted(inbox.delivery_totals(tx).items()), "ignored": inbox.recent_ignored(tx, PAGE_IGNORED),
                    "waiting": queued, "beside": beside(tx, [*found, *queued]), "paused": paused_lines(tx),
                }

        seen = await run_in_threadpool(look)
        found = seen.pop("found")
        return self.render(
            "runs.html.j2", runs=found[:PAGE_RUNS], **seen,
            newer=None if offset == 0 else max(0, offset - PAGE_RUNS),
            older=offset + PAGE_RUNS if len(found) > PAGE_RUNS else None,
            live=any(run.state != "done" for run in found),
        )

    async def run(self, request: Request) -> Response:
        run_id = request.path_params["run_id"]
        before = _whole(request.query_params.get("before"), -1)

        def look() -> tuple[views.RunView, list[dict[str, Any]], dict[str, Any]] | None:
            with self._database.read() as tx:
                found = views.view(tx, run_id) if _RUN_ID.fullmatch(run_id) else None
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
            "run.html.j2", run=found.run, now=now, steps=shown, first=shown[0]["sequence"] if shown else 0,
            last=shown[-1]["sequence"] if shown else -1, newest=before < 0, patch=printable(found.patch),
        )

    async def live(self, request: Request) -> Response:
        run_id = request.path_params["run_id"]

        def exists() -> bool:
            with self._database.read() as tx:
                return bool(_RUN_ID.fullmatch(run_id)) and runs.load(tx, run_id) is not None

        if not await run_in_threadpool(exists):
            return page_not_found()
        # A browser that reconnects says how far it got.
        seen = request.headers.get("last-event-id") or request.query_params.get("after")
        frames = stream.follow(
            self._database, run_id, _whole(seen, -1), web_url=self._options.web_url, stopping=self._stopping
        )
        headers = access.SECURITY_HEADERS | {"X-Accel-Buffering": "no"}
        return StreamingResponse(frames, media_type="text/event-stream", headers=headers)

    async def api_runs(self, request: Request) -> Response:
        offset = _whole(request.query_params.get("offset"), 0)

        def look() -> list[dict[str, Any]]:
            with self._database.read() as tx:
                return [views.run_json(run) for run in runs.recent(tx, PAGE_RUNS, offset)]

        return JSONResponse(await run_in_threadpool(look), headers=access.SECURITY_HEADERS)

    async def api_run(self, request: Request) -> Response:
        run_id = request.path_params["run_id"]
        after = _whole(request.query_params.get("after"), -1)

        def look() -> dict[str, Any] | None:
            with self._database.read() as tx:
                found = views.view(tx, run_id) if _RUN_ID.fullmatch(run_id) else None
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
        run_id = request.path_params["run_id"]
        after = _whole(request.query_params.get("after"), 0)

        def look() -> list[tuple[int, AuditRow]] | None:
            with self._database.read() as tx:
                if not _RUN_ID.fullmatch(run_id) or runs.load(tx, run_id) is None:
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


def _no_database(error: SQLAlchemyError) -> Response:
    log.error("page_not_read", error=type(error).__name__)
    return PlainTextResponse("The database does not answer. Try again in a moment.\n", status_code=503,
                             headers=access.SECURITY_HEADERS | {"Retry-After": "10"})


def _whole(text: str | None, default: int) -> int:
    # No database takes a number of any length.
    return int(text) if text is not None and _NUMBER.fullmatch(text) else default
