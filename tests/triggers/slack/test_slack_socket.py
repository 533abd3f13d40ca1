"""Socket Mode: Bellhop connects again by itself, acknowledges what is on file, and logs nothing of what it carries."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text

from app.emulators.slack import Seed, SeedApp, SlackEmulator, serve
from app.emulators.slack.seed import SeedChannel, SeedMember
from app.intake import Intake
from app.ledger import schema
from app.ledger.database import Database
from app.serving import listen, serving
from app.settings import Settings
from tests.triggers.test_route import Silence
from triggers import make_doors

PEOPLE = Seed(
    app=SeedApp(socket_mode=True), members=(SeedMember(name="ada", id="U0ADA00001"),), channels=(SeedChannel(name="general", members=("bellhop", "ada")),),
)


def test_t63_a_connection_that_is_lost_is_made_again_and_nothing_said_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    # Bolt and its client take their level from their own loggers: at their chattiest.
    for loud in ("slack_bolt", "slack_sdk"):
        caplog.set_level(logging.DEBUG, logger=loud)
    with (
        closing(Database(f"sqlite:///{tmp_path / 'ledger.db'}")) as database, SlackEmulator(PEOPLE, retry_waits_seconds=(0,)) as slack, serve(slack),
    ):
        schema.upgrade(database)
        settings = Settings(
            slack_bot_token=SecretStr(slack.app.bot_token), slack_app_token=SecretStr(slack.app.app_token), slack_api_url=slack.api_url,
        )
        with closing(Intake(database, Silence())) as intake:
            [door] = make_doors(settings, intake)

            @asynccontextmanager
            async def running(_app: FastAPI) -> AsyncIterator[None]:
                async with door.running():
                    yield

            with listen("127.0.0.1", 0) as listener, serving(FastAPI(lifespan=running), listener):
                slack.sockets.wait()
                slack.person("ada").say("general", "@bellhop CANARY one")
                assert all(each.ok for each in slack.wait_for_deliveries())
                slack.sockets.disconnect("refresh_requested")
                slack.sockets.wait()
                slack.person("ada").say("general", "@bellhop CANARY two")
                assert all(each.ok for each in slack.wait_for_deliveries())
            # Closed with the web process.
            slack.sockets.wait(0)
        with database.read() as tx:
            said = [json.loads(each)["text"] for each in tx.execute(text("SELECT event FROM inbox ORDER BY id")).scalars()]
        assert said == ["@bellhop CANARY one", "@bellhop CANARY two"]
    assert "CANARY" not in caplog.text
