"""The members of a service's payloads as they are read: bounded, storable, never coerced."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from triggers.storable import storable

TITLE_LIMIT_CHARACTERS = 1000
TEXT_LIMIT_BYTES = 64 * 1024


def _title(text: str) -> str:
    text = storable(text)
    return text if len(text) <= TITLE_LIMIT_CHARACTERS else text[: TITLE_LIMIT_CHARACTERS - 1] + "\u2026"


def _text(text: str | None) -> str:
    text = storable(text or "")
    if len(text) <= TEXT_LIMIT_BYTES // 4:
        return text
    encoded = text.encode()
    if len(encoded) <= TEXT_LIMIT_BYTES:
        return text
    note = f"\n\n[Bellhop cut this text here: it had {len(encoded)} bytes]"
    return encoded[: TEXT_LIMIT_BYTES - len(note)].decode("utf-8", "ignore") + note


Line = Annotated[str, AfterValidator(_title)]
Text = Annotated[str | None, AfterValidator(_text)]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\x00-\x20\x7f\"<>\\]{1,2000}$")]
Time = Annotated[str, StringConstraints(pattern=r"^[0-9T:Z+.\-]{10,40}$")]


class Members(BaseModel):
    """What is read of one object."""

    # Services add members all the time, so unknown ones are no error; known ones are never coerced.
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)
