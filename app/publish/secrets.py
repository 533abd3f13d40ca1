"""Secrets in what a result would publish: those that Bellhop knows, by value, and others by the shape vendors give them."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from app.bounded import run_bounded
from app.core.words.clean import clean
from app.core.words.redact import holds, redact
from app.errors import PublishRefused, WorkspaceError
from app.git import CAGE, Git
from app.publish.added import added_lines
from app.publish.candidate import ABSENT, Candidate, FileChange
from app.publish.policy import Violation
from app.publish.shape_signs import can_hold_a_shape

BLOB_SECONDS = 120.0
SHAPES_SECONDS = 60.0

Line = tuple[str, int, str]
_LOOK = (sys.executable, "-I", str(Path(__file__).with_name("known_shapes.py")))
_IN_NAME = "in a file's name"
# What may stand in a text without being seen: NULs of UTF-16 behind so much ASCII that git calls the file text, zero-width characters.
_MAY_BE_UNSEEN = re.compile(r"[^\n\t -~]")
_SPACE = re.compile(r"[\s\"'+\\]+")


def find_secrets(git: Git, candidate: Candidate, known: Sequence[str]) -> tuple[Violation, ...]:
    """Return a violation for each place, `known_secret` or `secret_shape`; none of them repeats a value.

    `known` are Bellhop's own secrets: looked for in every added line, in names, in binary files, plain, encoded (base64,
    hex, percent, reversed) and broken over lines. Raises PublishRefused when the result cannot be looked through,
    WorkspaceError.
    """
    found: list[Violation] = []
    added: dict[str, list[str]] = {}
    rows = list(added_lines(candidate.patch))
    for path, _, text in rows:
        added.setdefault(path, []).append(text)
    rows += [(path, number, plain) for path, number, text in rows if (plain := _as_read(text)) != text]
    for path, lines in added.items():
        found += _rules("\n".join(lines), known, path)
    for change in candidate.changes:
        if change.new_mode == ABSENT:
            continue
        rows.append((change.path, 0, change.path))
        found += _rules(change.path, known, change.path, _IN_NAME)
        if change.added is None:
            text = _blob(git, candidate, change)
            rows += [(change.path, number, line) for number, line in enumerate(text.split("\n"), 1)]
            found += _rules(text, known, change.path)
    said = {violation.path for violation in found}
    every = (*found, *(each for each in _shapes(rows) if each.path not in said))
    # A name that is itself the secret is not repeated: one with a finding of its own is masked, or left out.
    named = {each.path for each in every if each.path and each.detail.startswith(_IN_NAME)}
    return tuple(dict.fromkeys(
        each.model_copy(update={"path": "" if each.path in named else redact(each.path, known)}) for each in every
    ))


def _rules(text: str, known: Sequence[str], path: str, detail: str = "") -> list[Violation]:
    # As it stands too: taking characters out can join what they keep apart.
    texts = {text, _as_read(text)}
    if any(holds(each, known) or holds(each, known, _SPACE) for each in texts):
        return [Violation(rule="known_secret", path=path, detail=detail)]
    return [Violation(rule="secret_shape", path=path, detail=detail)] if any(redact(each) != each for each in texts) else []


def _as_read(text: str) -> str:
    return clean(text) if _MAY_BE_UNSEEN.search(text) else text


def _blob(git: Git, candidate: Candidate, change: FileChange) -> str:
    blob = git.run(
        "cat-file", "blob", f"{candidate.head_commit}:{change.path}", git_dir=candidate.git_dir, timeout_seconds=BLOB_SECONDS,
        limit_bytes=change.size + 1, caged=True,
    )
    # UTF-16 of ASCII is ASCII with NULs.
    return blob.stdout.replace(b"\0", b"").decode("utf-8", "replace")


def _shapes(rows: Sequence[Line]) -> list[Violation]:
    if not can_hold_a_shape(text for _, _, text in rows):
        return []
    with tempfile.TemporaryFile() as stdin:
        stdin.writelines(json.dumps(line).encode() + b"\n" for line in rows)
        stdin.seek(0)
        end = run_bounded([*CAGE, *_LOOK], env={"PATH": os.defpath}, stdin=stdin, timeout_seconds=SHAPES_SECONDS, limit_bytes=1 << 20)
    if end.timed_out or end.truncated:
        raise PublishRefused(
            "The result was not published: looking through it for secrets takes too long. Ask for a smaller change.",
            reason="secrets_not_looked_for",
        )
    if end.code != 0:
        raise WorkspaceError(
            f"the look for secrets failed with exit code {end.code}: {end.stderr[-500:].decode('utf-8', 'replace')}. "
            "Run `make install` again on this host.", reason="secrets_not_looked_for",
        )
    answers = [json.loads(line) for line in end.stdout.splitlines()]
    return [
        Violation(rule="secret_shape", path=path, detail=f"(line {number}: {kind})" if number else f"{_IN_NAME}: {kind}")
        for path, number, kind in answers
    ]
