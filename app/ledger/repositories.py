"""The repositories that the App is installed on, as far as Bellhop has been told or has looked."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, func, insert, select, update

from app.core.event import Repo
from app.core.roster import Known, Roster
from app.ledger import looks
from app.ledger.tables import repositories

# News comes in any order, and some of it never: soon after any, the service itself is asked.
LOOK_AFTER_NEWS_SECONDS = 60.0


def look_name(source: str) -> str:
    """Return the name of the look that puts a service's repositories right."""
    return f"repositories {source}"


def known(tx: Connection, source: str = "github") -> list[Repo]:
    """Return the repositories that a run may work in now, by name: none that is archived, or of a suspended installation."""
    rows = tx.execute(
        select(repositories).where(
            repositories.c.source == source, repositories.c.default_branch.is_not(None),
            repositories.c.archived.is_(False), repositories.c.suspended.is_(False),
        ).order_by(func.lower(repositories.c.full_name), repositories.c.id)
    )
    return [
        Repo(id=row.id, full_name=row.full_name, default_branch=row.default_branch, installation_id=row.installation_id)
        for row in rows
    ]


def find(tx: Connection, source: str, repository_id: int) -> Repo | None:
    """Return one of `known` by its number, or None."""
    return next((each for each in known(tx, source) if each.id == repository_id), None)


def hear(tx: Connection, news: Roster) -> None:
    """Take one piece of news in, and have the service asked soon; the same news twice is once."""
    of_installation = (repositories.c.source == news.source, repositories.c.installation_id == news.installation_id)
    if news.installation == "gone":
        tx.execute(delete(repositories).where(*of_installation))
    else:
        _put(tx, news.source, news.installation_id, news.here)
        # By its own installation: that of another account, which has the repository by now, is not undone.
        tx.execute(delete(repositories).where(*of_installation, repositories.c.id.in_(news.gone)))
        if news.installation != "same":
            tx.execute(update(repositories).where(*of_installation).values(suspended=news.installation == "suspended"))
    looks.hasten(tx, look_name(news.source), LOOK_AFTER_NEWS_SECONDS)


def note(tx: Connection, source: str, repo: Repo) -> None:
    """Put one repository on file that an event has come from, where nobody has told of it yet."""
    there = tx.execute(select(repositories.c.id).where(repositories.c.source == source, repositories.c.id == repo.id)).first()
    if there is None and repo.installation_id is not None:
        _put(tx, source, repo.installation_id, (Known(id=repo.id, full_name=repo.full_name, default_branch=repo.default_branch),))


def replace(tx: Connection, source: str, found: Iterable[tuple[int, tuple[Known, ...]]]) -> None:
    """Have exactly these on file: each installation's number, and the repositories that it covers."""
    tx.execute(delete(repositories).where(repositories.c.source == source))
    for installation_id, here in found:
        _put(tx, source, installation_id, here)


def _put(tx: Connection, source: str, installation_id: int, here: Iterable[Known]) -> None:
    for each in here:
        said = {
            "installation_id": installation_id, "full_name": each.full_name, "default_branch": each.default_branch,
            "archived": each.archived,
        }
        told = {name: value for name, value in said.items() if value is not None}
        changed = tx.execute(
            update(repositories).where(repositories.c.source == source, repositories.c.id == each.id).values(**told)
        )
        if changed.rowcount == 0:
            tx.execute(insert(repositories).values(source=source, id=each.id, **({"archived": False, "suspended": False} | told)))
