"""R26 in Slack: messages of one channel come far enough apart from however many hosts, and what Slack says of its limits counts for all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.core.card import Card
from app.emulators.slack import SeedChannel, SlackEmulator, serve
from app.errors import Paced
from app.ledger import schema
from app.ledger.database import Database
from app.settings import Settings
from tasks.pacing import SharedPace
from tests.app.emulators.slack.slack_kit import seed
from triggers.slack.reply import SlackConversation

SPACING_SECONDS = 0.2
Host = Callable[..., SlackConversation]


@pytest.fixture
def strict() -> Iterator[SlackEmulator]:
    """A Slack that refuses messages which come too close together in a channel."""
    strictly = seed().model_copy(update={"channel_seconds": SPACING_SECONDS})
    with SlackEmulator(strictly) as emulator, serve(emulator):
        emulator.add_channel(SeedChannel(name="second", members=("bellhop", "ada")))
        yield emulator


@pytest.fixture
def host(strict: SlackEmulator, tmp_path: Path) -> Iterator[Host]:
    """Make the conversation of one more host over the same ledger."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with closing(Database(url)) as first:
        schema.upgrade(first)
        made = [first]

        def one_more(spacing_seconds: float = SPACING_SECONDS) -> SlackConversation:
            made.append(Database(url))
            settings = Settings(slack_bot_token=SecretStr(strict.app.bot_token), slack_api_url=strict.api_url)
            return SlackConversation(settings, SharedPace(made[-1], spacing_seconds))

        yield one_more
        for each in made[1:]:
            each.close()


def card(slack: SlackEmulator, key: str, channel: str = "general", headline: str = "I am on it") -> Card:
    return Card(key=key, kind="status", thread=f"slack:{slack.world.team.id}/{slack.channel(channel).id}/new", headline=headline)


def test_r26_hosts_together_keep_a_channels_messages_apart(strict: SlackEmulator, host: Host) -> None:
    trouble: list[str] = []

    def write(conversation: SlackConversation, number: int) -> None:
        for count in range(3):
            for _ in range(40):
                try:
                    conversation.show(card(strict, f"{number}-{count}"), "")
                    break
                except Paced:
                    continue
            else:
                trouble.append(f"{number}-{count} never had its turn")

    writers = [threading.Thread(target=write, args=(host(), number)) for number in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=60)
    assert trouble == []
    assert len(strict.messages("general")) == 9
    assert strict.world.limits.refused == 0


def test_r26_a_refused_message_pauses_its_channel_for_every_host_and_no_other(strict: SlackEmulator, host: Host) -> None:
    one, other = host(0), host(0)
    strict.throttle("chat.postMessage", 30, channel=strict.channel("general").id)
    for each in (one, other):
        with pytest.raises(Paced) as caught:
            each.show(card(strict, "a"), "")
        assert 28 < (caught.value.retry_after_seconds or 0) <= 30
    assert strict.world.limits.refused == 1, "the second host does not ask"
    one.show(card(strict, "b", "second"), "")
    assert [each.text for each in strict.messages("second")] == ["I am on it"]


def test_r26_a_refused_edit_pauses_edits_alone_and_the_last_word_still_comes(strict: SlackEmulator, host: Host) -> None:
    conversation = host(0)
    shown = conversation.show(card(strict, "a"), "")
    strict.throttle("chat.update", 1, channel=strict.channel("general").id)
    end = card(strict, "a", headline="Done").model_copy(update={"state": "done"})
    with pytest.raises(Paced):
        conversation.show(end, shown.known)
    conversation.show(card(strict, "b", "second"), "")
    waiting = threading.Event()
    for _ in range(60):
        try:
            conversation.show(end, shown.known)
            break
        except Paced:
            waiting.wait(0.1)
    assert [each.text for each in strict.messages("general")] == ["Done"]
