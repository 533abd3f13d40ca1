"""An emulated Slack with people in it, and the conversation that Bellhop has there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from app.emulators.slack import SlackEmulator
from app.emulators.slack.serve import serve
from app.settings import Settings
from tests.app.emulators.slack.slack_kit import seed
from triggers.slack.reply import SlackConversation


@pytest.fixture
def slack() -> Iterator[SlackEmulator]:
    with SlackEmulator(seed(), retry_waits_seconds=(0, 600, 600)) as emulator, serve(emulator):
        yield emulator


@pytest.fixture
def conversation(slack: SlackEmulator) -> SlackConversation:
    return SlackConversation(Settings(slack_bot_token=SecretStr(slack.app.bot_token), slack_api_url=slack.api_url))
