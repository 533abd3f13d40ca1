"""A script: what the emulated model says, turn by turn, as YAML or as these nouns."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from app.core.noun import Noun
from app.emulators.model.pattern import Pattern
from app.errors import ConfigurationError

Patterns = Annotated[
    tuple[Pattern, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)
]


class ToolCall(Noun):
    """A call of one of the tools that the request offers."""

    name: str
    arguments: dict[str, Any] = {}


class TurnUsage(Noun):
    """Tokens that a turn says it used; `input_tokens` holds `cached_input_tokens`. Without it they are estimated."""

    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)
    cached_input_tokens: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _cached_is_part(self) -> TurnUsage:
        if self.cached_input_tokens > self.input_tokens:
            raise ValueError("cached_input_tokens are part of input_tokens, so they cannot be more")
        return self


class Fault(Noun):
    """One way to misbehave instead of giving the turn; exactly one of the four ways is set.

    `status`: the vendor's error, with `retry_after_seconds` as its header. `drop_after_events`: the connection ends
    after so many stream events (of an answer not streamed: after half of it). `hang_after_events`: nothing comes
    after so many until the client hangs up. `hang`: nothing comes at all. It happens `times` times for a request
    that is sent again, or `always`.
    """

    status: Literal[400, 401, 403, 404, 413, 429, 500, 502, 503, 504, 529] | None = None
    retry_after_seconds: int | None = Field(default=None, ge=0)
    drop_after_events: int | None = Field(default=None, ge=0)
    hang_after_events: int | None = Field(default=None, ge=0)
    hang: bool = False
    times: Annotated[int, Field(ge=1)] | Literal["always"] = 1

    @model_validator(mode="after")
    def _one_way(self) -> Fault:
        ways = [self.status, self.drop_after_events, self.hang_after_events, self.hang or None]
        if sum(way is not None for way in ways) != 1:
            raise ValueError("a fault is exactly one of status, drop_after_events, hang_after_events, hang")
        if self.retry_after_seconds is not None and self.status is None:
            raise ValueError("retry_after_seconds goes with a status")
        return self


class Turn(Noun):
    """One answer of the model.

    `expect`: regular expressions that must all be found in what came since the model's last turn (tool results,
    messages). `faults` are had one after another, one for each time the same turn is asked for, before the turn
    is given. `drip_seconds` passes between two pieces of the answer.
    """

    text: str = ""
    tools: tuple[ToolCall, ...] = ()
    usage: TurnUsage | None = None
    expect: Patterns = ()
    faults: tuple[Fault, ...] = ()
    drip_seconds: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _says_something(self) -> Turn:
        endless = [fault for fault in self.faults if fault.times == "always"]
        if endless and endless[0] is not self.faults[-1]:
            raise ValueError("what comes after a fault that happens always never comes")
        answers = not endless or endless[0].drop_after_events is not None or endless[0].hang_after_events is not None
        if answers and not self.text and not self.tools:
            raise ValueError("a turn has text, tools or both")
        return self


class Conversation(Noun):
    """The turns of one conversation; played where `when` is found in the user's first words and `system` in the
    system prompt.
    """

    when: Pattern = ""
    system: Pattern = ""
    turns: tuple[Turn, ...] = Field(min_length=1)


class Script(Noun):
    """Conversations, the first that fits is played; a lone `turns` stands for one conversation that always fits."""

    conversations: tuple[Conversation, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _lone_turns(cls, data: Any) -> Any:
        if isinstance(data, dict) and set(data) == {"turns"}:
            return {"conversations": [data]}
        return data


def load_script(path: Path) -> Script:
    """Read a YAML script. Raises ConfigurationError, which names the key."""
    try:
        return Script.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the script {path} cannot be read ({error}): give a readable file") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"the script {path} is not YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the top"
        raise ConfigurationError(f"the script {path} is wrong at {key}: {first['msg']}") from error
