"""What `bellhop doctor` says of pauses: nothing new begins, and whoever waits may have forgotten why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from app.commands.finding import Finding
from app.commands.pause import says
from app.ledger import pauses
from app.ledger.database import Database
from app.settings import Settings


def look_at_pauses(settings: Settings, database: Finding) -> Iterator[Finding]:
    """Yield a finding for each pause, where the database could be looked at."""
    if database.verdict != "ok":
        return
    with closing(Database(settings.ledger_url)) as ledger, ledger.read() as tx:
        paused = pauses.paused(tx)
    for (profile, _), sentence in zip(paused.items(), says(paused.items()), strict=True):
        command = "bellhop resume" + ("" if profile == pauses.EVERYTHING else f" {profile}")
        yield Finding("pause", "off", f"{sentence}: what rings is queued", f"`{command}` lets it begin")
