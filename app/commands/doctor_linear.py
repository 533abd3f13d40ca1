"""What `bellhop doctor` asks of Linear: that it can ring, and whom it takes Bellhop for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from app.commands.finding import Finding, several_processes
from app.commands.ledger import open_ledger
from app.core.profile import Profile
from app.errors import BellhopError
from app.ledger.sealed import Sealed
from app.settings import Settings

SET_UP = "docs/linear.md"


def look_at_linear(settings: Settings, profiles: Mapping[str, Profile]) -> Iterator[Finding]:
    """Yield what is found; nothing is missing where neither the settings nor a profile speak of Linear."""
    waits = sorted(name for name, profile in profiles.items() if profile.on.linear is not None)
    has_secret = bool(settings.linear_webhook_secret.get_secret_value().strip())
    if not has_secret and not settings.linear_client_id and not waits:
        yield Finding("Linear", "off", "not set up, and no profile says `on: linear:`")
        return
    yield _webhook(settings, waits, has_secret=has_secret)
    yield _app(settings)


def _webhook(settings: Settings, waits: list[str], *, has_secret: bool) -> Finding:
    if has_secret:
        rings = f"set; {', '.join(waits)} wait{'s' if len(waits) == 1 else ''} for it" if waits else "set; no profile says `on: linear:`"
        return Finding("Linear's webhook", "ok", rings)
    if several_processes(settings):
        return Finding("Linear's webhook", "off", "its secret is not given to this process: web has it")
    return Finding("Linear's webhook", "missing", "its secret is not set", f"set BELLHOP_LINEAR_WEBHOOK_SECRET ({SET_UP})")


def _app(settings: Settings) -> Finding:
    if not settings.database_url and not (settings.state_dir / "bellhop.db").exists() and settings.linear_client_id:
        return Finding("Linear's app", "off", "not asked: its tokens are in the database, which the first `bellhop up` makes")
    # Nobody who does not use Linear waits for its client.
    from triggers.linear.connect import said_of, viewer

    try:
        with open_ledger(settings) as database:
            found = viewer(settings, Sealed(database, "linear", settings.linear_client_secret.get_secret_value().encode()))
    except BellhopError as error:
        return Finding("Linear's app", "missing", str(error), SET_UP)
    if not found.get("app"):
        return Finding("Linear's app", "missing", f"the token is a person's: {said_of(found)}", "connect it by `bellhop linear connect`, which asks for the app itself")
    return Finding("Linear's app", "ok", said_of(found))
