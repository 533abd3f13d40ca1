"""A record: exchanges with a model API, kept so that they can be replayed without one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast, get_args

from pydantic import ValidationError

from app.core.noun import Noun
from app.emulators.model.call import Api
from app.emulators.model.pattern import Pattern
from app.errors import ConfigurationError
from app.ledger.exchanges import Exchange


class Normalisation(Noun):
    """Something that varies from machine to machine: `pattern` is replaced in every string of a request, recorded or
    asked, before the two are compared; `why` says what varies.
    """

    pattern: Pattern
    replacement: str
    why: str


class RecordedExchange(Noun):
    """One request (JSON; None for a GET) and its whole answer, as text."""

    api: Api
    path: str
    request: Any
    status: int
    content_type: str
    response: str


class Record(Noun):
    """What a replay may answer, in the order it happened."""

    exchanges: tuple[RecordedExchange, ...]
    normalise: tuple[Normalisation, ...] = ()

    def normalised(self, value: Any) -> Any:
        """Return JSON with every normalisation applied to every string in it; keys stay as they are."""
        if isinstance(value, str):
            for each in self.normalise:
                value = re.sub(each.pattern, each.replacement, value)
            return value
        if isinstance(value, list):
            return [self.normalised(each) for each in value]
        if isinstance(value, dict):
            return {key: self.normalised(each) for key, each in value.items()}
        return value

    def save(self, path: Path) -> None:
        """Write the record as JSON, to be read by people too."""
        path.write_text(json.dumps(self.model_dump(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load_record(path: Path) -> Record:
    """Read a record. Raises ConfigurationError, which names the key."""
    try:
        return Record.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"the record {path} cannot be read ({error.strerror}): give a readable file") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the top"
        raise ConfigurationError(f"the record {path} is wrong at {key}: {first['msg']}") from error


def record_of(exchanges: Iterable[Exchange], normalise: tuple[Normalisation, ...] = ()) -> Record:
    """Return the ledger's exchanges of a run as a record; those that got no answer (status 0) are left out.

    Raises ConfigurationError for an exchange that cannot be replayed: not JSON, not text, or not kept whole.
    """
    return Record(
        exchanges=tuple(_recorded(number, each) for number, each in enumerate(exchanges) if each.status),
        normalise=normalise,
    )


def _recorded(number: int, exchange: Exchange) -> RecordedExchange:
    # How the gateway's recorder marks an answer that was too long to keep.
    if re.search(rb"\n\[bellhop: \d+ more bytes not kept\]\Z", exchange.response):
        raise ConfigurationError(f"exchange {number} was not kept whole, so the run cannot be replayed")
    try:
        return RecordedExchange(
            api=_api(exchange.api), path=exchange.path,
            request=json.loads(exchange.request) if exchange.request else None, status=exchange.status,
            content_type=exchange.content_type, response=exchange.response.decode(),
        )
    except ValueError as error:
        raise ConfigurationError(f"exchange {number} cannot be replayed: {error}") from error


def _api(name: str) -> Api:
    for api in get_args(Api):
        if api == name:
            return cast("Api", api)
    raise ValueError(f"there is no model API {name}")
