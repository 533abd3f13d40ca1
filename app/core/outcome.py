"""How a run ended: exactly one Outcome for each Run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from app.core.noun import Noun


class VerifyResult(Noun):
    """What the profile's `verify` command did in a fresh sandbox over the result; measured by the host."""

    command: str
    passed: bool
    exit_code: int | None
    duration_ms: int
    tail: str = ""


class PullRequest(Noun):
    """The result stands as a pull request; `merging` says, where the profile would have it merged, whether GitHub will."""

    kind: Literal["pull_request"] = "pull_request"
    url: str
    number: int
    branch: str
    title: str
    draft: bool = False
    verify: VerifyResult | None = None
    warnings: tuple[str, ...] = ()
    merging: str = ""


class Message(Noun):
    """The result is words in the thread."""

    kind: Literal["message"] = "message"
    text: str


class Held(Noun):
    """A result, or a plan for one, is kept and waits for people's approval; nothing of it has left.

    `binds` is what an approval counts for: the commit, or the SHA-256 of the request with its plan. `text` are the agent's words, `patch`
    the change for people, as much as a comment has room for (`is_cut`: there is more on the run's page), `paths` what asks for the approval.
    """

    kind: Literal["held"] = "held"
    what: Literal["suggestion", "plan", "paths"]
    binds: str
    text: str
    title: str = ""
    files: int = 0
    added: int = 0
    deleted: int = 0
    patch: str = ""
    is_cut: bool = False
    paths: tuple[str, ...] = ()
    draft: bool = False
    verify: VerifyResult | None = None
    warnings: tuple[str, ...] = ()


class NothingToDo(Noun):
    """The agent ended well and changed nothing; `text` is what it said.

    With `by_host` it is Bellhop's own word: what was to be done has come about without it.
    """

    kind: Literal["nothing_to_do"] = "nothing_to_do"
    text: str
    by_host: bool = False


class Review(Noun):
    """The result stands as a review of a pull request; `comments` of its words stand on lines of the change, `elsewhere` could not."""

    kind: Literal["review"] = "review"
    url: str
    comments: int
    elsewhere: int = 0
    text: str = ""


class Refused(Noun):
    """Bellhop would not do or publish it; `reason` is a slug, `text` tells the person why."""

    kind: Literal["refused"] = "refused"
    reason: str
    text: str


class Failed(Noun):
    """It did not work; `reason` is a slug, `text` one line for the person, `who` should act."""

    kind: Literal["failed"] = "failed"
    reason: str
    text: str
    who: str = "operator"


Outcome = Annotated[
    PullRequest | Message | Held | NothingToDo | Review | Refused | Failed, Field(discriminator="kind")
]
OUTCOME: TypeAdapter[Outcome] = TypeAdapter(Outcome)
