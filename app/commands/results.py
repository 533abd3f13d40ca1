"""`bellhop results`: what became of the pull requests of each profile in each repository."""

from __future__ import annotations

import json

from app.commands.ledger import open_ledger
from app.core.line.budget import dollars
from app.ledger import results
from app.observe.text import line
from app.settings import Settings

_HEAD = ("profile", "repository", "opened", "open", "merged", "closed", "reverted", "reworked", "cost")


def show(settings: Settings, *, as_json: bool) -> None:
    """Print them, one line for each profile and repository. Raises ConfigurationError."""
    with open_ledger(settings) as database, database.read() as tx:
        found = results.tallies(tx)
    if as_json:
        print(json.dumps([each._asdict() for each in found], indent=2))
        return
    rows = [_HEAD, *((line(each.profile), line(each.repo), *map(str, each[2:-1]), dollars(each.cost_micro_usd)) for each in found)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_HEAD))]
    for row in rows:
        print("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip())
    if not found:
        print("No pull request has been opened yet.")
