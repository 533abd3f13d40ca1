"""What `bellhop doctor` finds of Slack, asked of an emulated one."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import yaml
from pydantic import SecretStr

from app.commands.doctor_slack import SCOPES, SPARE, look_at_slack
from app.emulators.slack import SlackEmulator
from app.emulators.slack.serve import serve
from app.settings import ROOT, Settings


@pytest.fixture
def slack() -> Iterator[SlackEmulator]:
    with SlackEmulator() as emulator, serve(emulator):
        yield emulator


def test_what_is_missing_is_said_and_how_to_mend_it(slack: SlackEmulator) -> None:
    def look(**more: SecretStr) -> dict[str, tuple[str, str]]:
        settings = Settings(slack_api_url=slack.api_url).model_copy(update=more)
        return {each.name: (each.verdict, f"{each.what} {each.mend}") for each in look_at_slack(settings, {})}

    token = SecretStr(slack.app.bot_token)
    assert look() == {"Slack": ("off", "not set up, and no profile says `on: slack:` ")}
    assert look(slack_app_token=SecretStr("xapp-1"))["Slack's bot"][0] == "missing"
    assert look(slack_bot_token=token)["Slack's door"][0] == "missing"
    found = look(slack_bot_token=token, slack_app_token=SecretStr("xapp-1"))
    assert {verdict for verdict, _ in found.values()} == {"ok"}
    assert slack.world.team.id in found["Slack's bot"][1]
    slack.app.scopes.remove("files:write")
    assert "without files:write" in look(slack_bot_token=token)["Slack's scopes"][1]
    slack.app.scopes.remove("users:read")
    verdict, said = look(slack_bot_token=token)["Slack's scopes"]
    assert verdict == "missing"
    assert "users:read" in said
    slack.uninstall()
    assert "install the App again" in look(slack_bot_token=token)["Slack's bot"][1]


def test_the_documented_manifest_asks_for_what_doctor_wants_and_no_more() -> None:
    [manifest] = re.findall(r"```yaml\n(display_information.*?)```", (ROOT / "docs" / "slack.md").read_text(), re.DOTALL)
    assert sorted(yaml.safe_load(manifest)["oauth_config"]["scopes"]["bot"]) == sorted([*SCOPES, *SPARE])
