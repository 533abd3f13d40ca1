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
from app.core.redact import holds, redact
from app.errors import PublishRefused, WorkspaceError
from app.git import CAGE, Git
from app.publish.added import added_lines
from app.publish.candidate import ABSENT, Candidate
from app.publish.policy import Violation

BLOB_SECONDS = 120.0
SHAPES_SECONDS = 60.0
_LOOK = (sys.executable, "-I", str(Path(__file__).with_name("known_shapes.py")))
_SPACE = re.compile(r"[\s\"'+\\]+")


def find_secrets(git: Git, candidate: Candidate, known: Sequence[str]) -> tuple[Violation, ...]:
    """Return a violation for each place, `known_secret` or `secret_shape`; none of them repeats a value.

    `known` are Bellhop's own secrets: looked for in every added line, in names, in binary files, plain, encoded (base64,
    hex, percent, reversed) and broken over lines. Raises PublishRefused when the result cannot be looked through,
    WorkspaceError.
    """
    found: list[Violation] = []
    added: dict[str, list[str]] = {}
    for path, _, text in added_lines(candidate.patch):
        added.setdefault(path, []).append(text)
    for path, lines in added.items():
        text = "\n".join(lines)
        if holds(text, known) or holds(_SPACE.sub("", text), [_SPACE.sub("", secret) for secret in known]):
            found.append(Violation(rule="known_secret", path=path))
        elif redact(text) != text:
            found.append(Violation(rule="secret_shape", path=path))
    for change in candidate.changes:
        if holds(change.path, known) or redact(change.path) != change.path:
            found.append(Violation(rule="known_secret", detail="(in a file's name)"))
        elif change.added is None and change.new_mode != ABSENT:
            blob = git.run(
                "cat-file", "blob", f"{candidate.head_commit}:{change.path}", git_dir=candidate.git_dir, timeout_seconds=BLOB_SECONDS,
                limit_bytes=change.size + 1, caged=True,
            ).stdout.decode("latin-1")
            if holds(blob, known):
                found.append(Violation(rule="known_secret", path=change.path))
            elif redact(blob) != blob:
                found.append(Violation(rule="secret_shape", path=change.path))
    said = {violation.path for violation in found}
    return (*found, *(each for each in _shapes(candidate.patch) if each.path not in said))


def _shapes(patch: str) -> list[Violation]:
    with tempfile.TemporaryFile() as stdin:
        stdin.writelines(json.dumps(line).encode() + b"\n" for line in added_lines(patch))
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
    rows = [json.loads(line) for line in end.stdout.splitlines()]
    return [Violation(rule="secret_shape", path=path, detail=f"(line {number}: {kind})") for path, number, kind in rows]
