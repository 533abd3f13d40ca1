"""The model that mini-swe-agent asks: a vendor's wire format, the door, and the steps that a person sees.

Requests hold no time, random number, path or name of the machine, so that the same answers and the same outputs
make the same requests again, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minisweagent.exceptions import FormatError  # type: ignore[import-not-found]

from . import anthropic, openai
from .answer import TOOL_NAME, Answer, Message, UnreadableAnswer
from .api import ModelFailed, post
from .configuration import Configuration
from .shell import SUBMIT
from .steps import emit

VENDORS = {"anthropic": anthropic, "openai": openai}
NOT_RUN = "not run: the answer's other tool call was not understood"
NO_CALL = f"Your answer held no tool call. Every answer must call `{TOOL_NAME}`. If the work is done, submit it: print {SUBMIT} as told."
CUT_OFF = "Your answer was cut off at the output limit. Say less at once, and end with one tool call."


class DoorModel:
    """`observation` renders a command's result, `mail` returns what people said since it was last asked."""

    def __init__(
        self, configuration: Configuration, observation: Callable[[dict[str, Any]], str], mail: Callable[[], list[str]]
    ) -> None:
        if configuration.vendor not in VENDORS:
            raise ModelFailed(f"no vendor `{configuration.vendor}` is known: {', '.join(VENDORS)} are")
        self.config = configuration
        self._vendor = VENDORS[configuration.vendor]
        self._observation = observation
        self._mail = mail

    def query(self, messages: list[Message], **_: Any) -> Message:
        """Ask for the next answer. Raises ModelFailed, and FormatError for one that calls no command."""
        body = self._vendor.request(messages, self.config.model, self.config.max_output_tokens)
        try:
            answer = self._vendor.answer(post(self.config.base_url, self._vendor.PATH, self._vendor.HEADERS, body))
        except UnreadableAnswer as error:
            raise ModelFailed(f"the model API's answer could not be read: {error}") from error
        if answer.text:
            emit("message", answer.text)
        emit("usage", in_words(answer.usage), model=f"{self.config.vendor}/{self.config.model}", **answer.usage)
        actions = [{"command": call.command, "call_id": call.id} for call in answer.calls if call.command is not None]
        message = {"role": "assistant", "content": answer.text, "wire": answer.wire, "extra": {"actions": actions, "cost": 0.0}}
        if answer.cut_off or not answer.calls or len(actions) < len(answer.calls):
            raise FormatError(message, *self._corrections(answer), *self._letters())
        for call in answer.calls:
            emit("tool_call", call.command or "", id=call.id)
        return message

    def format_message(self, **members: Any) -> Message:
        """Return a message as it is kept."""
        return members

    def format_observation_messages(
        self, message: Message, outputs: list[dict[str, Any]], template_vars: dict[str, Any] | None = None
    ) -> list[Message]:
        """Return one tool result per command, and after them what people said meanwhile."""
        actions = message["extra"]["actions"]
        results = [
            {"role": "tool", "call_id": action["call_id"], "content": self._observation(output)}
            for action, output in zip(actions, outputs, strict=True)
        ]
        return results + self._letters()

    def get_template_vars(self, **_: Any) -> dict[str, Any]:
        """Return nothing: prompts do not depend on the model."""
        return {}

    def serialize(self) -> dict[str, Any]:
        """Return nothing: the transcript is the record."""
        return {}

    def _corrections(self, answer: Answer) -> list[Message]:
        """Return what is said to an answer that cannot be acted on; every tool call must get a result."""
        why = CUT_OFF if answer.cut_off else NO_CALL
        if not answer.calls:
            emit("error", why)
            return [{"role": "user", "content": why}]
        errors = [call.error or (CUT_OFF if answer.cut_off else NOT_RUN) for call in answer.calls]
        emit("error", "; ".join(errors))
        return [
            {"role": "tool", "call_id": call.id, "content": f"error: {error}"}
            for call, error in zip(answer.calls, errors, strict=True)
        ]

    def _letters(self) -> list[Message]:
        letters = self._mail()
        for letter in letters:
            emit("log", letter)
        return [{"role": "user", "content": letter} for letter in letters]


def in_words(usage: dict[str, int]) -> str:
    """Return what an answer took, for people."""
    names = {"input_tokens": "in", "output_tokens": "out", "cache_read_tokens": "read from the cache", "cache_write_tokens": "put in the cache"}
    said = [f"{usage[name]} {words}" for name, words in names.items() if usage.get(name)]
    return f"tokens: {', '.join(said)}" if said else "tokens: not told"
