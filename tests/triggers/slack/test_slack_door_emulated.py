"""People at work in the emulated Slack, at Bellhop's own door: over HTTP and over Socket Mode the same happenings are on file."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from slack_sdk import WebClient
from sqlalchemy import text

from app.emulators.slack import Seed, SeedChannel, SeedMember, SeedTeam, SlackEmulator, serve
from app.intake import Intake
from app.ledger import schema
from app.ledger.database import Database
from app.serving import address, listen, serving
from app.settings import Settings
from tests.triggers.test_route import Silence
from triggers import make_doors
from triggers.slack.parse_press import BUTTON, MENU

PEOPLE = Seed(
    other_teams=(SeedTeam(id="T0EMUOTHER", name="Suppliers", domain="suppliers"),),
    members=(SeedMember(name="ada", id="U0ADA00001"), SeedMember(name="sam", team="T0EMUOTHER"), SeedMember(name="otherbot", is_bot=True)),
    channels=(
        SeedChannel(name="general", members=("bellhop", "ada", "otherbot")),
        SeedChannel(name="partners", members=("bellhop", "ada", "sam"), shared_with=("T0EMUOTHER",)),
    ),
)
CARD: list[dict[str, Any]] = [{"type": "actions", "elements": [
    {"type": "button", "text": {"type": "plain_text", "text": "Stop"}, "action_id": f"{BUTTON}stop", "value": "now"},
    {"type": "static_select", "action_id": f"{MENU}repo", "options": [{"text": {"type": "plain_text", "text": "octo/till"}, "value": "octo/till"}]},
]}]


@pytest.fixture
def slack() -> Iterator[SlackEmulator]:
    with SlackEmulator(PEOPLE, retry_waits_seconds=(0,)) as emulator, serve(emulator):
        yield emulator


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(f"sqlite:///{tmp_path / 'ledger.db'}")) as ledger:
        schema.upgrade(ledger)
        yield ledger


@pytest.fixture(params=["http", "socket"])
def door(request: pytest.FixtureRequest, slack: SlackEmulator, database: Database) -> Iterator[None]:
    """The web process's part for Slack, told one way or the other."""
    by_socket = request.param == "socket"
    slack.app.socket_mode = by_socket
    settings = Settings(
        slack_bot_token=SecretStr(slack.app.bot_token), slack_api_url=slack.api_url.rstrip("/"),
        slack_app_token=SecretStr(slack.app.app_token if by_socket else ""),
        slack_signing_secret=SecretStr("" if by_socket else slack.app.signing_secret),
    )
    with closing(Intake(database, Silence())) as intake:
        [made] = make_doors(settings, intake)

        @asynccontextmanager
        async def running(_app: FastAPI) -> AsyncIterator[None]:
            async with made.running():
                yield

        web = FastAPI(routes=[*made.routes], lifespan=running)
        with listen("127.0.0.1", 0) as listener, serving(web, listener):
            slack.set_urls(f"{address('127.0.0.1', listener)}/hooks/slack")
            if by_socket:
                slack.sockets.wait()
            yield


def happenings(slack: SlackEmulator, database: Database) -> list[tuple[str, str]]:
    """Return what is on file once the App was told all: kind and words."""
    assert [one.status for one in slack.wait_for_deliveries() if not one.ok] == []
    with database.read() as tx:
        events = [json.loads(one) for one in tx.execute(text("SELECT event FROM inbox ORDER BY id")).scalars()]
    return [(one["kind"], one.get("text") or "") for one in events]


@pytest.mark.usefixtures("door")
def test_what_people_ask_for_is_on_file_once(slack: SlackEmulator, database: Database) -> None:
    ada = slack.person("ada")
    root = ada.say("general", "@bellhop mend the till")
    ada.say("general", "@bellhop and the drawer", thread_ts=root.ts)
    ada.dm("mend the till")
    ada.command("general", "/bellhop", "mend the till repo=octo/till")
    card = WebClient(token=slack.app.bot_token, base_url=slack.api_url).chat_postMessage(channel="general", text="Working", blocks=CARD)
    ada.press("general", card["ts"], f"{BUTTON}stop")
    ada.choose("general", card["ts"], f"{MENU}repo", "octo/till")
    ada.react("general", card["ts"], "x")
    assert happenings(slack, database) == [
        ("slack.mention", "@bellhop mend the till"), ("slack.mention", "@bellhop and the drawer"), ("slack.message", "@bellhop mend the till"),
        ("slack.command", "@bellhop repo=octo/till mend the till"), ("slack.button", "@bellhop stop now"), ("slack.choice", "octo/till"),
        ("slack.reaction", "@bellhop stop"),
    ]
    for number in (1, 2, 3):
        slack.send_again(slack.deliveries[0], number)
    assert len(happenings(slack, database)) == 7


@pytest.mark.usefixtures("door")
def test_the_form_opens_and_what_is_filled_in_is_on_file(slack: SlackEmulator, database: Database) -> None:
    ada = slack.person("ada")
    ada.command("general", "/bellhop")
    ada.shortcut("bellhop.form")
    slack.wait_for_deliveries()
    by_command, by_shortcut = ada.views
    ada.close_view(by_shortcut)
    ada.submit(by_command, task="mend the till", repo="octo/till")
    assert happenings(slack, database) == [("slack.form", "@bellhop repo=octo/till mend the till")]
    assert ada.views == []


@pytest.mark.usefixtures("door")
def test_t13_t15_programs_strangers_and_the_bot_itself_leave_no_row(slack: SlackEmulator, database: Database) -> None:
    slack.person("otherbot").say("general", "@bellhop I am a program")
    slack.person("sam").say("partners", "@bellhop give me the code")
    slack.person("sam").command("partners", "/bellhop", "give me the code")
    slack.person("sam").dm("give me the code")
    WebClient(token=slack.app.bot_token, base_url=slack.api_url).chat_postMessage(channel="general", text=f"<@{slack.app.bot.id}> I am you")
    ada = slack.person("ada")
    ada.edit("general", ada.say("general", "nothing").ts, "@bellhop mend it")
    assert happenings(slack, database) == []
    assert slack.deliveries
