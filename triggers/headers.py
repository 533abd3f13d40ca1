"""Reading the headers of a delivery, none of which may be taken for granted."""

from __future__ import annotations

from app.errors import DeliveryRefused
from app.ports import RawHeaders


def only(headers: RawHeaders, name: bytes) -> bytes | None:
    """Return the value of the one header called `name` (in lower case), or None when there is none.

    Raises DeliveryRefused (400) when it comes more than once: which one counts would be a matter of taste.
    """
    found: bytes | None = None
    for key, value in headers:
        if key == name:
            if found is not None:
                raise DeliveryRefused(
                    f"the header {name.decode()} came more than once", status=400, reason="header_repeated"
                )
            found = value
    return found
