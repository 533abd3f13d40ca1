"""What a profile has installed before an agent begins, and which kept layer of it a run may stand on; pure."""

from __future__ import annotations

import fnmatch
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field, StringConstraints

from app.core.noun import Noun
from app.core.result.lockfiles import is_lockfile, is_manifest
from app.core.sandbox.agent_config import Entry
from app.core.section import Section

# Part of every key: what was kept by another way of keeping is not used.
_FORMAT = 1
_PRIVATE = "private-"


class SetupStep(Section):
    """One shell command; `name` is what people see."""

    name: Annotated[str, StringConstraints(max_length=200)] = ""
    run: str

    @property
    def title(self) -> str:
        """Its name, or the first line of its command."""
        lines = self.run.strip().splitlines()
        return self.name or (lines[0][:200] if lines else "")


class Setup(Section):
    """Steps that run once for a state of the repository's dependencies, in a sandbox of their own; what they install is kept.

    `files` are further files (`*` stands for any characters, slashes too) whose content decides whether it is run again.
    """

    steps: tuple[SetupStep, ...]
    files: tuple[str, ...] = ()
    timeout_minutes: Annotated[float, Field(gt=0, le=24 * 60)] = 20


class Ground(Noun):
    """What a layer depends on beside files of the commit.

    `repo` names the repository for good, `branch` is the one that is worked on, `made_of` is the sandbox's programs in the word of its
    `backend`; `registries` and `connect` are what setup may reach.
    """

    repo: str
    branch: str
    backend: str
    made_of: str
    uid: int
    env: dict[str, str] = {}
    registries: tuple[str, ...] = ()
    connect: tuple[str, ...] = ()
    setup: Setup


def layer_name(ground: Ground, files: Mapping[str, Entry], private_to: str | None = None) -> str:
    """Return the name of the layer for a commit with these files, the same whenever all that counts is the same.

    `private_to` is a commit that somebody else may have written: no run on another commit ever finds what is made there,
    so that nobody prepares a layer for runs that are not his.
    """
    said = {
        "format": _FORMAT, "ground": ground.model_dump(mode="json"), "private_to": private_to,
        "files": sorted(
            (path.encode("utf-8", "surrogateescape").hex(), entry.mode, entry.object_id)
            for path, entry in files.items() if counts(path, ground.setup.files)
        ),
    }
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:40]
    return digest if private_to is None else _PRIVATE + digest


def is_private(name: str) -> bool:
    """Return whether a layer is for runs on one commit only."""
    return name.startswith(_PRIVATE)


def counts(path: str, more: tuple[str, ...] = ()) -> bool:
    """Return whether a file's content decides which layer a commit has: what is installed by, and what git ignores."""
    return (
        is_lockfile(path) or is_manifest(path) or path.rpartition("/")[2] == ".gitignore"
        or any(fnmatch.fnmatchcase(path, pattern) for pattern in more)
    )


def faults(setup: Setup | None) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield each thing that fits the form and would never work: the key's way from the profile's top, and what is wrong."""
    if setup is None:
        return
    if not setup.steps:
        yield ("setup", "steps"), "holds no step: name the commands, or leave `setup:` out"
    for index, step in enumerate(setup.steps):
        if all(not line.strip() or line.lstrip().startswith("#") for line in step.run.splitlines()):
            yield ("setup", "steps", index, "run"), "holds no command"
    for index, pattern in enumerate(setup.files):
        if not pattern.strip() or pattern.startswith("/") or ".." in pattern.split("/"):
            yield ("setup", "files", index), "must be a path from the repository's root, such as tools/*.sh"
