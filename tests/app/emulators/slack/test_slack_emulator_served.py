"""`bellhop emulate slack`: its seed, what it prints, and people at work over HTTP."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import yaml

from app.emulators.slack import Seed, SeedChannel, SeedMember, SlackEmulator, load_seed
from app.emulators.slack.serve import credentials
from app.errors import ConfigurationError
from tests.app.emulators.slack.slack_kit import Receiver, SettableClock, event_names, receiving, seed, served

ROOT = Path(__file__).resolve().parents[4]


def test_what_it_prints_is_enough_to_use_it(slack: SlackEmulator) -> None:
    said = "\n".join([*slack.describe(), *credentials(slack)])
    for word in (slack.app.bot.id, "#general", "U0ADA00001"):
        assert word in said
    assert f"export BELLHOP_SLACK_API_URL={slack.world.web_url}/api\n" in said
    assert "export BELLHOP_SLACK_BOT_TOKEN=xoxb-emulated-bellhop\nexport BELLHOP_SLACK_SIGNING_SECRET=emulated-signing-secret" in said
    slack.app.socket_mode = True
    assert credentials(slack)[-1] == "export BELLHOP_SLACK_APP_TOKEN=xapp-1-A0EMUAPP-emulated"


def test_its_app_has_what_the_documents_manifest_asks_for() -> None:
    text = (ROOT / "docs" / "slack.md").read_text().split("\n```yaml\n", 1)[1].split("```", 1)[0]
    manifest = yaml.safe_load(text)
    app = Seed().app
    # The emulated App may read addresses too, which Bellhop does not ask for.
    assert set(app.scopes) - {"users:read.email"} == set(manifest["oauth_config"]["scopes"]["bot"])
    assert set(app.events) == set(manifest["settings"]["event_subscriptions"]["bot_events"])
    commands, shortcuts = manifest["features"]["slash_commands"], manifest["features"]["shortcuts"]
    assert ([*app.commands], [app.escapes_commands]) == ([one["command"] for one in commands], [one["should_escape"] for one in commands])
    assert [*app.shortcuts] == [one["callback_id"] for one in shortcuts]


def test_the_seed_of_the_documents_is_one(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "emulators.md").read_text().split("## The Slack emulator", 1)[1].split("```yaml\n", 1)[1].split("```", 1)[0]
    file = tmp_path / "slack.yaml"
    file.write_text(text)
    with SlackEmulator(load_seed(file)) as slack:
        assert slack.channel("partners").shared_with[0].domain == "supplier"
        assert slack.person("gus").member.is_restricted


@pytest.mark.parametrize("wrong", [
    Seed(members=(SeedMember(name="ada"), SeedMember(name="ada"))),
    Seed(members=(SeedMember(name="sam", team="T0NOWHERE"),)),
    Seed(members=(SeedMember(name="ada", id="U1"), SeedMember(name="bob", id="U1"))),
    Seed(channels=(SeedChannel(name="one", shared_with=("T0NOWHERE",)),)),
], ids=["name", "team", "id", "shared"])
def test_a_seed_that_contradicts_itself_is_refused(wrong: Seed) -> None:
    with pytest.raises(ConfigurationError):
        SlackEmulator(wrong)


def test_a_seeds_unknown_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "slack.yaml").write_text("app: {sining_secret: x}\n")
    with pytest.raises(ConfigurationError, match=r"app\.sining_secret"):
        load_seed(tmp_path / "slack.yaml")


def test_people_work_over_http_too(slack: SlackEmulator, receiver: Receiver) -> None:
    with httpx.Client(base_url=f"{slack.world.web_url}/_emulator", trust_env=False) as control:
        said = control.post("/people/ada/say", json={"channel": "general", "text": "@bellhop hello"}).json()
        assert control.post("/people/ada/react", json={"channel": "general", "ts": said["ts"], "name": "x"}).status_code == 201
        assert control.post("/people/ada/command", json={"channel": "general", "name": "/bellhop"}).json()["delivery"] == 4
        assert control.post("/people/sam/say", json={"channel": "general", "text": "x"}).status_code == 422
        assert control.post("/people/ada/promote").status_code == 404
        assert event_names(slack) == ["message", "app_mention", "reaction_added", "/bellhop"]
        assert [one["status"] for one in control.get("/deliveries").json()] == ["OK"] * 4
        assert control.get("/channels/general").json()[0]["reactions"][0]["name"] == "x"
        assert (control.get("/views").json(), control.get("/whispers").json()) == ([], [])
    assert len(receiver.requests) == 4


def test_what_expires_goes_by_the_clock() -> None:
    clock = SettableClock()
    with receiving() as receiver, SlackEmulator(seed(request_url=receiver.url), now=clock) as slack, served(slack):
        ada = slack.person("ada")
        first, second = ada.command("general", "/bellhop"), ada.command("general", "/bellhop")
        slack.wait_for_deliveries()
        url = first.payload["response_url"]
        answers = [httpx.post(url, json={"text": str(count)}, trust_env=False) for count in range(6)]
        assert [one.status_code for one in answers] == [200] * 5 + [404]
        assert answers[-1].json() == {"ok": False, "error": "used_url"}
        assert len(ada.whispers()) == 5

        view = {"type": "modal", "title": {"type": "plain_text", "text": "New run"}, "blocks": [{"type": "divider"}]}
        headers = {"Authorization": f"Bearer {slack.app.bot_token}"}

        def opened(trigger_id: str) -> str | None:
            found = httpx.post(f"{slack.api_url}views.open", json={"trigger_id": trigger_id, "view": view}, headers=headers, trust_env=False).json()
            return str(found.get("error", "ok"))

        assert [opened("made-up"), opened(first.payload["trigger_id"]), opened(first.payload["trigger_id"])] == [
            "invalid_arguments", "ok", "exchanged_trigger_id",
        ]
        clock.advance(4)
        assert opened(second.payload["trigger_id"]) == "expired_trigger_id"
        clock.advance(1800)
        assert httpx.post(second.payload["response_url"], json={"text": "late"}, trust_env=False).json()["error"] == "expired_url"


def test_r39_one_message_a_second_in_a_channel_if_that_is_asked_for() -> None:
    clock = SettableClock()
    made = seed().model_copy(update={"channel_seconds": 1.0})
    with SlackEmulator(made, now=clock) as slack, served(slack):
        def post(channel: str) -> httpx.Response:
            body = {"channel": slack.channel(channel).id, "text": "x"}
            return httpx.post(f"{slack.api_url}chat.postMessage", json=body, headers={"Authorization": f"Bearer {slack.app.bot_token}"}, trust_env=False)

        assert [post(one).status_code for one in ("general", "secret", "general")] == [200, 200, 429]
        assert (post("general").headers["retry-after"], post("general").json()) == ("1", {"ok": False, "error": "ratelimited"})
        clock.advance(1)
        assert post("general").status_code == 200
