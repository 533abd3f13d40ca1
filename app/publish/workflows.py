"""Which GitHub workflows a push and its pull request start, read from a commit's tree; nothing is checked out or run.

A skip instruction in the head commit's message counts for `push` and `pull_request` only:
https://docs.github.com/en/actions/how-tos/manage-workflow-runs/skip-workflow-runs
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from app.core.noun import Noun
from app.git import Git
from app.publish.candidate import SYMLINK

DIRECTORY = ".github/workflows/"
HELD = ("push", "pull_request")
# What else a new branch, its pull request and Bellhop's comment set off.
ANYWAY = ("pull_request_target", "create", "issue_comment", "workflow_run")
MOST_FILES = 200
FILE_BYTES = 256 * 1024
_LISTING_BYTES = 1 << 20
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Workflows(Noun):
    """Files below `.github/workflows`: `held` by the instruction, those that run `anyway` with their events, and `unread`.

    Filters by branch or path are not looked at: what is named may run.
    """

    held: tuple[str, ...] = ()
    anyway: tuple[tuple[str, tuple[str, ...]], ...] = ()
    unread: tuple[str, ...] = ()


def read_workflows(git: Git, git_dir: Path, commit: str) -> Workflows:
    """Return the workflows of a commit. Raises WorkspaceError (git itself), never for what is in a file."""
    listed = git.run(
        "ls-tree", "-z", "-l", "--full-tree", commit, DIRECTORY, git_dir=git_dir, limit_bytes=_LISTING_BYTES, may_truncate=True, caged=True,
    )
    held, anyway, unread = [], [], []
    for count, line in enumerate(listed.stdout.split(b"\0")[:-1]):
        facts, _, raw_name = line.partition(b"\t")
        mode, _, object_id, size = facts.decode("ascii").split()
        name = raw_name.decode("utf-8", "replace").removeprefix(DIRECTORY)
        if not name.endswith((".yml", ".yaml")):
            continue
        events = None
        if mode != SYMLINK and size.isdigit() and int(size) <= FILE_BYTES and count < MOST_FILES:
            events = events_of(git.run("cat-file", "blob", object_id, git_dir=git_dir, limit_bytes=FILE_BYTES + 1, caged=True).stdout)
        if events is None:
            unread.append(name)
            continue
        if events.intersection(HELD):
            held.append(name)
        if also := tuple(event for event in ANYWAY if event in events):
            anyway.append((name, also))
    return Workflows(held=tuple(held), anyway=tuple(anyway), unread=tuple(unread))


def events_of(content: bytes) -> frozenset[str] | None:
    """Return the events that a workflow's `on:` names; None when that cannot be told.

    Read token by token and only once: neither nesting nor aliases of a hostile file cost more than its length.
    """
    try:
        return _of_document(yaml.parse(content.decode("utf-8"), Loader=_LOADER))
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError, StopIteration):
        return None


def _of_document(stream: Iterator[yaml.Event]) -> frozenset[str] | None:
    for event in stream:
        if isinstance(event, yaml.MappingStartEvent):
            break
        if isinstance(event, yaml.NodeEvent):
            return None
    found: frozenset[str] | None = None
    while not isinstance(key := next(stream), yaml.MappingEndEvent):
        _pass_over(key, stream)
        value = next(stream)
        if isinstance(key, yaml.ScalarEvent) and key.value == "on":
            named = _named(value, stream)
            if named is None:
                return None
            found = named | (found or frozenset())
        else:
            _pass_over(value, stream)
    return found


def _named(value: yaml.Event, stream: Iterator[yaml.Event]) -> frozenset[str] | None:
    """Return the words of a scalar or a list, or the keys of a mapping; an alias could be anything."""
    if isinstance(value, yaml.ScalarEvent):
        return frozenset((value.value,))
    if not isinstance(value, yaml.SequenceStartEvent | yaml.MappingStartEvent):
        return None
    words: set[str] = set()
    while not isinstance(word := next(stream), yaml.SequenceEndEvent | yaml.MappingEndEvent):
        if not isinstance(word, yaml.ScalarEvent):
            return None
        words.add(word.value)
        if isinstance(value, yaml.MappingStartEvent):
            _pass_over(next(stream), stream)
    return frozenset(words)


def _pass_over(event: yaml.Event, stream: Iterator[yaml.Event]) -> None:
    """Read on to the end of what begins with `event`."""
    depth = int(isinstance(event, yaml.CollectionStartEvent))
    while depth:
        event = next(stream)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
