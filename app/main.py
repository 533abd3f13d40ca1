"""The composition root of the web process: webhooks in, pages out. It never loads docker or an agent."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from app.intake import Intake
from app.ledger import schema
from app.ledger.database import Database
from app.ledger.sealed import Sealed
from app.log import configure_logging
from app.observe.pages import PageOptions, page_not_found, page_routes
from app.observe.signin.options import SigninOptions, checked
from app.ports import Trigger, Wakeup
from app.profiles import load_profiles
from app.settings import Settings
from tasks.queue import CeleryWakeup, make_celery
from triggers import make_doors, make_returns, make_triggers
from triggers.route import hook_routes


def make_app(
    settings: Settings, database: Database, wakeup: Wakeup, triggers: Mapping[str, Trigger],
    stopping: threading.Event | None = None,
) -> FastAPI:
    """Put the web process together from parts that are ready; live transcripts end when `stopping` is set. Raises ConfigurationError."""
    # What may refuse to be made comes before the intake, which owns a thread.
    pages = PageOptions(
        settings.templates_dir, settings.github_web_url, settings.public_url, settings.metrics_token.get_secret_value(), checked(signin_options(settings)),
    )
    returns = make_returns(settings, partial(Sealed, database))
    intake = Intake(database, wakeup)
    try:
        doors = make_doors(settings, intake)
    except BaseException:
        intake.close()
        raise

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        try:
            async with AsyncExitStack() as listening:
                for door in doors:
                    await listening.enter_async_context(door.running())
                yield
        finally:
            intake.close()

    async def not_there(_request: Request, _error: Exception) -> Response:
        return page_not_found()

    # No redirect of a path with a slash too many: it would be built from whatever the Host header says.
    return FastAPI(
        title="Bellhop", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan, redirect_slashes=False,
        exception_handlers={404: not_there},
        routes=[
            *(route for door in doors for route in door.routes), *hook_routes(triggers, intake), *returns, *page_routes(database, pages, stopping),
        ],
    )


def signin_options(settings: Settings) -> SigninOptions:
    """Return what the settings say about signing in with GitHub."""
    return SigninOptions(
        client_id=settings.github_client_id, client_secret=settings.github_client_secret, web_url=settings.github_web_url, api_url=settings.github_api_url,
        public_url=settings.public_url, cookie_key=settings.cookie_key, ca_bundle=settings.ca_bundle, proxy=settings.outbound_proxy,
    )


def create_app(settings: Settings | None = None, stopping: threading.Event | None = None) -> FastAPI:
    """Build the web process, from the environment unless settings are given.

    `uvicorn --factory app.main:create_app` may call it too.
    Raises ConfigurationError (an empty webhook secret, a database that is not migrated, half of what signing in needs), ProfileError.
    """
    settings = settings or Settings()
    configure_logging(settings.log_level)
    # Of a profile no more is of use here than what rings for it: agents and registries are the worker's to check.
    profiles = load_profiles(settings.profiles_dir, templates_dir=settings.templates_dir, check_agent=lambda _choice: None)
    triggers = make_triggers(settings, profiles)
    database = Database(settings.ledger_url)
    schema.require_current(database)
    return make_app(settings, database, CeleryWakeup(make_celery(settings)), triggers, stopping)
