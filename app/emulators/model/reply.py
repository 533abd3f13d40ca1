"""One turn of the model, before it takes the form of one vendor's API."""

from __future__ import annotations

from typing import NamedTuple

_TEXT_PIECE = 24
_ARGUMENTS_PIECE = 12


class ReplyCall(NamedTuple):
    """A tool call: `id` without the vendor's prefix, `arguments` as JSON text."""

    id: str
    name: str
    arguments: str


class Reply(NamedTuple):
    """What is said; `id` without the vendor's prefix, `input_tokens` all that went in, `created` in Unix seconds."""

    id: str
    model: str
    text: str
    calls: tuple[ReplyCall, ...]
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    created: int


def text_pieces(text: str) -> list[str]:
    """Return the text in the pieces it is streamed in."""
    return _pieces(text, _TEXT_PIECE)


def argument_pieces(arguments: str) -> list[str]:
    """Return a call's arguments in the pieces they are streamed in."""
    return _pieces(arguments, _ARGUMENTS_PIECE)


def _pieces(text: str, size: int) -> list[str]:
    return [text[at:at + size] for at in range(0, len(text), size)]
