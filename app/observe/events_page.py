"""`/events`: every event on file with what was decided on it, and why; and the same as JSON below `/api`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.ledger.database import Database
from app.ledger.inbox import Entry
from app.observe import access
from app.observe.listing import event_json, events_of, paused_lines

PAGE_EVENTS = 50
_NUMBER = re.compile(r"[0-9]{1,17}")


class _Asked(NamedTuple):
    repo: str
    profile: str
    before: int | None


class EventsPage:
    """The page and its JSON; `render` makes a page of a template's name and its values."""

    def __init__(self, database: Database, render: Callable[..., Response]) -> None:
        self._database = database
        self._render = render

    async def page(self, request: Request) -> Response:
        """Show the newest events, or those below a number."""
        asked = _asked(request)
        found, older = await run_in_threadpool(self._look, asked)
        paused = await run_in_threadpool(self._paused)
        return self._render("events.html.j2", events=found, older=older, repo=asked.repo, profile=asked.profile, paused=paused)

    async def api(self, request: Request) -> Response:
        """Return the same as JSON."""
        found, older = await run_in_threadpool(self._look, _asked(request))
        return JSONResponse({"events": [event_json(entry) for entry in found], "before": older}, headers=access.SECURITY_HEADERS)

    def _look(self, asked: _Asked) -> tuple[list[Entry], int | None]:
        with self._database.read() as tx:
            return events_of(tx, PAGE_EVENTS, repo=asked.repo, profile=asked.profile, before=asked.before)

    def _paused(self) -> list[str]:
        with self._database.read() as tx:
            return paused_lines(tx)


def _asked(request: Request) -> _Asked:
    before = request.query_params.get("before", "")
    return _Asked(
        request.query_params.get("repo", "").strip()[:200], request.query_params.get("profile", "").strip()[:100],
        int(before) if _NUMBER.fullmatch(before) else None,
    )
