"""From a webhook's payload to an Event, as its profile says; pure."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from app.core.event import Actor, Event, Ignored, Parsed, Repo
from app.core.ringing.payload_template import rendered
from app.core.ringing.webhook_source import WEBHOOK, WebhookSource
from app.core.ringing.where import first_unmet, values_at
from app.errors import DeliveryRefused
from triggers.storable import storable

TITLE_LIMIT_CHARACTERS = 200
_PLAIN = re.compile(r"[A-Za-z0-9_.:-]{1,80}", re.ASCII)
_URL = re.compile(r"https?://[^\x00-\x20\x7f\"<>\\\ud800-\udfff]{1,2000}")


def parse(profile: str, hook: WebhookSource, payload: dict[str, Any], body: bytes, message_id: str | None) -> Parsed:
    """Return the event of the profile, or why it is passed over. `message_id` is the delivery's own, where that is proven.

    The repository is the one that the profile names, or an entry of its table: nothing else in a payload can name one.
    Raises DeliveryRefused (400) for a payload that lacks what the profile takes from it.
    """
    if first_unmet(hook.where, payload) is not None:
        return Ignored(source=WEBHOOK, kind=WEBHOOK, reason="where_not_met")
    repository = hook.repository
    if repository is None and hook.repositories is not None:
        repository = hook.repositories.of.get(_word(payload, hook.repositories.field))
    if repository is None:
        return Ignored(source=WEBHOOK, kind=WEBHOOK, reason="no_such_repository")
    own_id = _word(payload, hook.id) if hook.id is not None else message_id or hashlib.sha256(body).hexdigest()
    thread = _word(payload, hook.thread) if hook.thread is not None else own_id
    text = storable(rendered(hook.prompt, payload))
    title = " ".join(storable(rendered(hook.title, payload)).split()) or next(iter(text.strip().splitlines()), "")
    url = next((each for each in values_at(payload, hook.url) if isinstance(each, str) and _URL.fullmatch(each)), "") if hook.url else ""
    return Event(
        source=WEBHOOK, kind=WEBHOOK, delivery_key=f"{hook.name}/{_name(own_id)}",
        thread=f"{WEBHOOK}:{hook.name}@{repository.casefold()}#{_name(thread)}",
        actor=Actor(id=WEBHOOK, login=f"{WEBHOOK}-{hook.name}", kind="bot"), repo=Repo.named(repository), url=url,
        title=title[:TITLE_LIMIT_CHARACTERS], text=text, profile=profile,
    )


def _word(payload: dict[str, Any], field: str) -> str:
    """Return the one text or number at a field. Raises DeliveryRefused (400)."""
    found = values_at(payload, field)
    if len(found) != 1 or not isinstance(found[0], str | int) or isinstance(found[0], bool) or found[0] == "":
        raise DeliveryRefused(f"the payload has no one text at {field}, which the profile takes from it", status=400, reason="bad_payload")
    return str(found[0])


def _name(word: str) -> str:
    """Return a word as a key's part: as it is where it is plain and short, so that people know it, else its hash."""
    return word if _PLAIN.fullmatch(word) else hashlib.sha256(word.encode("utf-8", "surrogatepass")).hexdigest()
