"""A webhook that a profile listens to, `on: webhook:`: how a delivery proves where it comes from, and what becomes of it.

Its secret stands in the settings, under the webhook's name, and never here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import StringConstraints

from app.core.ringing.payload_template import fault_of_template
from app.core.ringing.where import Condition, FieldPath, faults_of_where
from app.core.section import Section

WEBHOOK = "webhook"

HookName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
RepositoryName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,100}/[A-Za-z0-9._-]{1,100}$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,100}$")]


class Hmac(Section):
    """A header that holds an HMAC over the raw body: `prefix` stands before the digest, and several are parted by commas."""

    header: HeaderName
    algorithm: Literal["sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{0,32}$")] = ""


class RepositoryMap(Section):
    """Which repository a payload is about: the text at `field`, looked up in `of`; what is not there starts nothing."""

    field: FieldPath
    of: dict[str, RepositoryName]


class WebhookSource(Section):
    """One webhook at `/hooks/webhook/{name}`.

    `id` and `thread` are the places in the payload of what names the happening and its conversation; `prompt` and `title` are Jinja over it.
    """

    name: HookName
    auth: Literal["standard", "hmac", "bearer"]
    hmac: Hmac | None = None
    repository: RepositoryName | None = None
    repositories: RepositoryMap | None = None
    where: tuple[Condition, ...] = ()
    prompt: str
    title: str = ""
    url: FieldPath | None = None
    id: FieldPath | None = None
    thread: FieldPath | None = None
    while_running: Literal["ignore", "append"] = "ignore"

    @property
    def all_repositories(self) -> tuple[str, ...]:
        """Every repository that a delivery may be for."""
        return tuple(filter(None, (self.repository, *(self.repositories.of.values() if self.repositories else ()))))


def faults_of_webhook(source: WebhookSource) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield each thing that would never work: the key's way below `webhook`, and what is wrong."""
    if (source.auth == "hmac") is (source.hmac is None):
        yield ("hmac",), "goes with `auth: hmac`, and only with that"
    if (source.repository is None) is (source.repositories is None):
        says = "is missing: name the one repository here, or a table of them under `repositories:`"
        yield ("repository",), says if source.repository is None else "stands beside `repositories`: one of them says which repository it is about"
    for key in ("prompt", "title"):
        if (fault := fault_of_template(getattr(source, key))) is not None:
            yield (key,), fault
    if not source.prompt.strip():
        yield ("prompt",), "is empty, so the agent would not know what to do"
    yield from ((("where", *path), fault) for path, fault in faults_of_where(source.where))
