"""What mini knows of its messages before it has read them."""

from __future__ import annotations

import fcntl
import json
import os
import struct
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.mini.mail import Mailbox


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def say(pipe: tuple[int, int], text: str, **more: object) -> None:
    os.write(pipe[1], json.dumps({"type": "message", "author": "ann", "text": text} | more).encode() + b"\n")


def unread_bytes(pipe: tuple[int, int]) -> int:
    return int(struct.unpack("i", fcntl.ioctl(pipe[0], termios.FIONREAD, b"\0" * 4))[0])


def test_r38_a_message_is_read_when_it_is_taken_and_not_when_it_is_seen(pipe: tuple[int, int]) -> None:
    """What is left in the pipe of an agent that is killed while its command runs is told as unread."""
    mailbox = Mailbox(pipe[0])
    assert (mailbox.has_mail(), mailbox.is_urgent()) == (False, False)
    say(pipe, "and the docs")
    assert (mailbox.has_mail(), mailbox.is_urgent()) == (True, False)
    say(pipe, "at once", now=True)
    before = unread_bytes(pipe)
    assert (mailbox.has_mail(), mailbox.is_urgent()) == (True, True)
    assert unread_bytes(pipe) == before
    assert [text.rpartition("\n")[2] for text in mailbox.take()] == ["and the docs", "at once"]
    assert (unread_bytes(pipe), mailbox.has_mail(), mailbox.is_urgent(), mailbox.take()) == (0, False, False, [])


def test_a_message_longer_than_the_pipe_is_seen(pipe: tuple[int, int]) -> None:
    mailbox = Mailbox(pipe[0])
    writer = threading.Thread(target=say, args=(pipe, "x" * 300_000), kwargs={"now": True})
    writer.start()
    while not mailbox.is_urgent():
        assert writer.is_alive() or unread_bytes(pipe)
    writer.join()
    [text] = mailbox.take()
    assert len(text) > 300_000


def test_what_is_no_pipe_holds_no_message() -> None:
    with Path(os.devnull).open("rb") as nothing:
        mailbox = Mailbox(nothing.fileno())
        assert (mailbox.has_mail(), mailbox.is_urgent(), mailbox.take()) == (False, False, [])
