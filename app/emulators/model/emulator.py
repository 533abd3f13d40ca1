"""The emulated model APIs: who may ask, what was asked, and what went wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping

from app.emulators.model.answer import Answer, Miss
from app.emulators.model.call import Call, parse
from app.emulators.model.follow import Follow
from app.emulators.model.forms.problems import FINAL, problem
from app.emulators.model.play import Player
from app.emulators.model.record import Record
from app.emulators.model.replay import Replay
from app.emulators.model.script import Script

ANTHROPIC_KEY = "sk-ant-emulated"
OPENAI_KEY = "sk-emulated"
GEMINI_KEY = "AIza-emulated"
MODELS = ("emulated-model",)

_NO_KEY = {
    "anthropic": "x-api-key header is required",
    "openai": "You didn't provide an API key: send Authorization: Bearer",
    "gemini": "Method doesn't allow unregistered callers (callers without established identity)",
}
# OpenAI quotes a part of the key; what is wrong here may be right elsewhere.
_WRONG_KEY = {"anthropic": "invalid x-api-key", "openai": "Incorrect API key provided: ***", "gemini": "API key not valid. Please pass a valid API key."}


class ModelEmulator:
    """Anthropic's and OpenAI's model APIs, playing a Script, replaying a Record or following one.

    `requests` holds every call that came, without its credentials; `failures` says of each request that neither
    script nor record holds why not, so that a test can assert that there were none; `hung_up` counts the clients
    that left before their answer was over. Each failure is also told to `report` as it happens. Not for more than
    one event loop at a time.
    """

    def __init__(
        self, source: Script | Record | Follow, *, anthropic_keys: Iterable[str] = (ANTHROPIC_KEY,),
        openai_keys: Iterable[str] = (OPENAI_KEY,), gemini_keys: Iterable[str] = (GEMINI_KEY,), models: tuple[str, ...] = MODELS,
        report: Callable[[str], object] = lambda failure: None,
    ) -> None:
        self._source = Player(source) if isinstance(source, Script) else Replay(source) if isinstance(source, Record) else source
        self._keys = {"anthropic": frozenset(anthropic_keys), "openai": frozenset(openai_keys), "gemini": frozenset(gemini_keys)}
        self._models = models
        self._report = report
        self.requests: list[Call] = []
        self.failures: list[str] = []
        self.hung_up = 0

    def unplayed(self) -> list[str]:
        """Return the turns or exchanges that nobody has got yet."""
        return self._source.unplayed()

    def answer(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer one request; header names are in lower case."""
        call = parse(method, path, query, headers, body)
        self.requests.append(call.without_credentials())
        request_id = hashlib.sha256(f"{len(self.requests)}".encode()).hexdigest()[:24]
        refused = self._unauthorised(call)
        if refused:
            # Google says 403 to nobody and 400 to a wrong key.
            status = 401 if call.api != "gemini" else 403 if refused == _NO_KEY["gemini"] else 400
            code = "API_KEY_INVALID" if status == 400 else None
            return problem(call.api, status, refused, request_id, code=code)
        if call.form == "unknown":
            return problem(call.api, 404, f"there is no {method} {path} here", request_id)
        found = self._source.answer(call, self._models)
        if isinstance(found, Miss):
            self.failures.append(found.message)
            self._report(found.message)
            return problem(call.api, found.status, found.message, request_id, (FINAL,))
        return found

    def _unauthorised(self, call: Call) -> str | None:
        bearer = call.headers.get("authorization", "")
        key = bearer.removeprefix("Bearer ") if bearer.startswith("Bearer ") else ""
        if call.api == "anthropic":
            # Its clients send the key in the one or the other.
            key = call.headers.get("x-api-key", key)
        if call.api == "gemini":
            key = call.headers.get("x-goog-api-key", "")
        if not key:
            return _NO_KEY[call.api]
        return None if key in self._keys[call.api] else _WRONG_KEY[call.api]
