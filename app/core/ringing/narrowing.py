"""What an event's filter may ask beside labels and types: who opened it, its fields, the branches and files that it is about; pure."""

from __future__ import annotations

from collections.abc import Iterator

from app.core.event import Event
from app.core.ringing.filter_pattern import fault_of, unreadable
from app.core.ringing.where import Condition, faults_of_where
from app.core.section import Section


class ByFields(Section):
    """`where` are comparisons on the Event's own fields, all of which must hold."""

    where: tuple[Condition, ...] = ()


class ByAuthor(ByFields):
    """`authors` are those who have opened the issue or pull request: logins, or `id:` with GitHub's numeric id."""

    authors: tuple[str, ...] = ()


class ByBranch(Section):
    """Patterns of the branch that was pushed to, or that a pull request is to be merged into; one of the two."""

    branches: tuple[str, ...] = ()
    branches_ignore: tuple[str, ...] = ()


class ByChange(ByBranch):
    """Patterns of the files that are changed: `paths` takes what changes one of them, `paths_ignore` passes over what changes nothing else."""

    paths: tuple[str, ...] = ()
    paths_ignore: tuple[str, ...] = ()


def faults_of_narrowing(found: Section) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield each thing of a filter that would never ring: the key's way below the event, and what is wrong."""
    for name in ("branches", "paths"):
        if (fault := fault_of(getattr(found, name, ()))) is not None:
            yield (name,), fault
        if (fault := unreadable(getattr(found, f"{name}_ignore", ()))) is not None:
            yield (f"{name}-ignore",), fault
        if getattr(found, name, ()) and (ignored := getattr(found, f"{name}_ignore", ())):
            yield (f"{name}-ignore",), f"stands beside `{name}`: say {ignored[0]!r} as `!{ignored[0]}` there"
    if isinstance(found, ByAuthor):
        for index, author in enumerate(found.authors):
            if author.startswith("id:") and not (author[3:].isascii() and author[3:].isdigit()):
                yield ("authors", index), "must be a login, or `id:` and a number"
    if isinstance(found, ByFields):
        yield from ((("where", *way), fault) for way, fault in faults_of_where(found.where))
        for index, condition in enumerate(found.where):
            if (field := condition.field.split(".", 1)[0]) not in Event.model_fields:
                yield ("where", index, "field"), f"an event has no {field!r}; it has {', '.join(sorted(Event.model_fields))}"
