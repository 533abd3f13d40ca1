"""The seams of the house: one Protocol each, every exception named.

Implementations live in the folder of their layer and are chosen only in the composition roots.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from pydantic import JsonValue

from app.core.assignment import Assignment, SandboxEnd
from app.core.card import Card, Shown
from app.core.deciding.ci_head import Evidence, Piece, PieceKind
from app.core.event import Actor, Event, Parsed, Pull, Repo
from app.core.grant import Credential, Grant
from app.core.isolation import Guarantee, Isolation
from app.core.noun import Noun
from app.core.person import History, Person
from app.core.profile import AgentChoice, Container, Profile
from app.core.roster import Known
from app.core.sandbox.services import ServiceContainer
from app.core.showing.check import Check
from app.core.showing.offers import OpenPull
from app.core.showing.receipt import Receipt
from app.core.step import Step

Handle = dict[str, JsonValue]

# Header names in lower case and values, in order and with repetitions, as ASGI hands them over.
RawHeaders = Sequence[tuple[bytes, bytes]]


class Trigger(Protocol):
    """The inward side of a service that Bellhop listens to: bytes in, verified Event out. No I/O.

    `source` is its name in `/hooks/{source}` and in every Event that it makes.
    """

    source: str

    def receive(self, headers: RawHeaders, body: bytes) -> Parsed:
        """Verify a delivery over its raw bytes, then parse it. Raises DeliveryRefused."""

    def read(self, kind: str, delivery_key: str, body: bytes) -> Parsed:
        """Parse a payload that nobody signed, for `bellhop explain`. Raises DeliveryRefused."""


class Wakeup(Protocol):
    """Tells a worker that something can be advanced; may lose, repeat or reorder, never blocks for long."""

    def route(self, inbox_id: int) -> None:
        """Wake `route` for a stored event. Raises nothing: what is lost, the sweeper finds."""

    def start(self, run_id: str, host: str) -> None:
        """Wake `start` on the queue of `host`. Raises nothing."""

    def finish(self, run_id: str, host: str) -> None:
        """Wake `finish` on the queue of `host`. Raises nothing."""

    def sweep(self, host: str) -> None:
        """Wake `sweep` on the queue of `host`. Raises nothing."""


class PreparedWorkspace(Noun):
    """A workspace on this host: `lower` is the prepared checkout, `scratch` the run's own writable layer.

    `scratch` holds `upper/`, `work/` and `home/`. Whoever mounts it shows `lower` overlaid by `upper`
    at `/workspace` and `home` at `/home/bellhop`. The host never reads below `upper` or `home` again.
    `layer`, what an earlier setup has left, holds `workspace/` and `home/`: they lie below both, and are only ever read.
    Where `needs_overlay`, a copy of the checkout would not do.
    """

    lower: Path
    scratch: Path
    base_commit: str
    layer: Path | None = None
    needs_overlay: bool = False


class SandboxSpec(Noun):
    """Everything a backend needs to start one sandbox; holds no secret.

    `id` names it on the host (`bellhop-<id>`); `door` is the host directory shown read-only at `/gateway`;
    `tooling` is what is shown at `/agent`: a Docker volume's name or a host path; `parts` (name -> the same) are
    what is shown at `/agent-<name>` beside it, each an agent CLI; `services` run beside it, in its network namespace.
    """

    id: str
    run_id: str
    door: Path
    workspace: PreparedWorkspace
    tooling: str
    parts: dict[str, str] = {}
    container: Container
    services: dict[str, ServiceContainer] = {}
    uid: int
    argv: tuple[str, ...]
    env: dict[str, str] = {}
    ttl_seconds: float


class SandboxStatus(Noun):
    """What the host sees: `running`, `exited` (with its code, if known) or `gone` (no trace)."""

    state: str
    exit_code: int | None = None
    out_of_memory: bool = False


class SandboxBackend(Protocol):
    """Where an agent's commands run, sealed. Every method is safe to repeat, and bounded in time.

    `name` is the registry name; `isolation` the level; `guarantees` what it keeps, each one proven by
    the conformance suite; `has_services` says whether it runs a spec's `services`, `has_overlays` whether its workspaces can
    stand on a layer. A supervisor may die: a Handle (JSON) is all it takes to attach again.
    """

    name: str
    isolation: Isolation
    guarantees: frozenset[Guarantee]
    has_services: bool
    has_overlays: bool

    def check(self) -> str:
        """Return one line on what is there (versions). Raises SandboxUnavailable with how to mend it."""

    def create(self, spec: SandboxSpec) -> Handle:
        """Start the sandbox, detached, and return its handle; a second call for the same id finds the first.

        The services of one whose start was broken off are started too. Raises SandboxUnavailable (machinery), SandboxRefused
        (a required guarantee cannot be kept, or services are asked of a backend that has none).
        """

    def made_of(self, container: Container) -> str:
        """Return a name for the programs that a sandbox finds; it changes when they do. Raises SandboxUnavailable."""

    def poll(self, handle: Handle) -> SandboxStatus:
        """Return what the host sees of it. Raises SandboxUnavailable when the machinery does not answer."""

    def stop(self, handle: Handle, grace_seconds: float) -> None:
        """Ask it to end, and kill it after the grace; one that is gone is no error. Raises SandboxUnavailable."""

    def destroy(self, handle: Handle) -> None:
        """Remove every trace: processes, mounts, volumes, containers. Raises SandboxUnavailable."""

    def find(self) -> dict[str, Handle]:
        """Return sandbox id -> handle of all that exist on this host, for the sweeper. Raises SandboxUnavailable."""


class AgentAdapter(Protocol):
    """One agent CLI, as pure functions: no I/O, no clock.

    `name` is what a profile says after `agent: uses:`. `parse` is called for each output line in order.
    """

    name: str

    def check(self, choice: AgentChoice) -> None:
        """Raise ProfileError when `with:` or `model:` does not suit this agent."""

    def parts(self, choice: AgentChoice) -> tuple[str, ...]:
        """Return the tooling's parts that its command needs beside the base. Raises ProfileError."""

    def assignment(
        self, run_id: str, profile: Profile, prompt: str, base_commit: str, *, continues: bool = False
    ) -> Assignment:
        """Return the command, environment and files that work `prompt`. Raises ProfileError.

        With `continues` HOME is that of an earlier run with this agent, whose session goes on where the agent can do that.
        """

    def parse(self, stream: str, line: str) -> list[Step]:
        """Return the Steps that one line of `stdout` or `stderr` holds; what it cannot read becomes a log Step."""

    def succeeded(self, end: SandboxEnd, steps: list[Step]) -> bool:
        """Return whether the agent says that it ended well: exit status and final event, never one alone."""

    def final_message(self, steps: list[Step]) -> str:
        """Return the agent's last word for the person, or an empty string."""


class GatewayControl(Protocol):
    """How the worker tells the host's gateway about a sandbox's door."""

    def open(self, sandbox_id: str) -> Path:
        """Open the door of a sandbox that the ledger knows and return its directory on the host; repeatable.

        Raises ServiceError when the gateway does not answer.
        """

    def token(self, sandbox_id: str, credential: Credential | None, why: str = "") -> None:
        """Give an open door the token to read its repository with; None says `why` there is none.

        Raises ServiceError, also when the door is not open.
        """

    def close(self, sandbox_id: str) -> None:
        """Close the door and remove its directory; one that is closed is no error. Raises ServiceError."""


class TokenMinter(Protocol):
    """Turns a Grant into a Credential at the service, and takes it back."""

    def mint(self, grant: Grant) -> Credential:
        """Mint a token for one repository with exactly the grant's permissions.

        Raises GrantRefused (the App may not), ServiceError (the service does not answer).
        """

    def revoke(self, credential: Credential) -> None:
        """Revoke it; one that is expired or revoked is no error. Raises ServiceError."""

    def find_repo(self, full_name: str) -> Repo:
        """Return a repository that the App is installed on, by its name of now.

        Raises GrantRefused (it is not, or there is none), ServiceError, ConfigurationError (no such name can be).
        """

    def request(self, grant: Grant) -> dict[str, JsonValue]:
        """Return the exact body that `mint` would send, without a secret: what `explain` prints."""


class Census(Protocol):
    """Where the App is installed, as the service itself says."""

    def installations(self) -> list[tuple[int, bool]]:
        """Return each installation's number, and whether it is suspended. Raises GrantRefused, ServiceError."""

    def repositories_of(self, installation_id: int) -> tuple[Known, ...]:
        """Return the repositories that an installation covers. Raises GrantRefused, ServiceError."""


@runtime_checkable
class Closes(Protocol):
    """A part that holds connections; whoever made it closes it."""

    def close(self) -> None:
        """Give every connection back. Raises nothing."""


class Service(Protocol):
    """What a trigger's service answers and takes: the reply side of a trigger. Credentials come per call."""

    def permission(self, credential: Credential, repo: Repo, actor_id: str, login: str) -> str:
        """Return the actor's live permission (`none`, `read`, `triage`, `write`, `maintain`, `admin`).

        The answer must be about `actor_id`: another id under the same login counts as `none`. Raises ServiceError.
        """

    def default_branch_head(self, credential: Credential, repo: Repo) -> tuple[str, str]:
        """Return (branch name, commit) of the repository's default branch. Raises ServiceError."""

    def pull_request(self, credential: Credential, repo: Repo, number: int) -> Pull:
        """Return a pull request as it is now. Raises ServiceError."""

    def review_comments(self, credential: Credential, repo: Repo, number: int, review_id: int) -> tuple[str, ...]:
        """Return what a review says on lines of the change, each below its place (`about`), oldest first. Raises ServiceError."""

    def changed_paths(self, credential: Credential, repo: Repo, number: int) -> tuple[str, ...]:
        """Return the names of the files that a pull request changes, a bounded number; of a renamed one both. Raises ServiceError."""

    def open_branches(self, credential: Credential, repo: Repo, prefix: str) -> frozenset[str]:
        """Return the branches below `prefix` of this repository that have an open pull request. Raises ServiceError."""

    def upsert_comment(self, credential: Credential, event: Event, marker: str, body: str) -> str:
        """Create the comment that holds `marker` in the event's thread, or edit it in place; return its URL.

        Looks up by marker first, so that doing it twice gives one. Raises ServiceError.
        """

    def ensure_issue(
        self, credential: Credential, repo: Repo, *, marker: str, title: str, body: str, known: int | None
    ) -> int:
        """Find Bellhop's own open issue that holds `marker`, or open one with this title and body; return its number.

        `known` is the number of one that was opened before (None: nobody knows of one); what people have closed stays closed.
        Raises ServiceError.
        """

    def open_pulls(self, credential: Credential, repo: Repo) -> list[OpenPull]:
        """Return the repository's open pull requests, those that were moved last. Raises ServiceError."""

    def merges(self, credential: Credential, repo: Repo, number: int) -> bool | None:
        """Return whether a pull request merges without a conflict; None: that is not known yet. Raises ServiceError."""

    def ensure_review(
        self, credential: Credential, repo: Repo, number: int, *, marker: str, commit: str | None, body: str,
        comments: Sequence[tuple[str, int, str]],
    ) -> str:
        """Find our review that holds `marker`, or submit it as a comment (no approval) on `commit`; return its URL.

        `comments` are (path, line of the new side, words). Raises ServiceError; with status 422 for a line that the change does not show.
        """

    def upsert_check(self, credential: Credential, repo: Repo, check: Check) -> str:
        """Create the check that has this external id on its commit, or bring it up to date; return its URL.

        Looks up first, so that doing it twice gives one. Raises ServiceError.
        """

    def acknowledge(self, credential: Credential, repo: Repo, receipt: Receipt) -> None:
        """Put a reaction on what somebody wrote or did; doing it twice gives one. Raises ServiceError."""

    def ensure_pull_request(
        self, credential: Credential, repo: Repo, *, branch: str, base: str, title: str, body: str,
        draft: bool, labels: tuple[str, ...],
    ) -> tuple[str, int, bool]:
        """Find the open pull request of `branch`, or open it; return (URL, number, whether it is a draft by now).

        Adopts one that already exists (422) and brings its title and body up to date. `draft` counts when it is opened.
        Raises ServiceError.
        """

    def hold_as_draft(self, credential: Credential, repo: Repo, branch: str) -> None:
        """Make the open pull request of `branch` a draft, if there is one that is none; safe to repeat. Raises ServiceError."""

    def merge_when_green(self, credential: Credential, repo: Repo, number: int, commit: str, method: str) -> None:
        """Have the pull request merged by `method` once everything that it needs is there, while its head is `commit`.

        Raises ServiceError, also where the repository does not allow that, or has nothing that it would wait for.
        """

    def stop_merging(self, credential: Credential, repo: Repo, branch: str) -> None:
        """Take that back for the open pull request of `branch`, if there is one; safe to repeat. Raises ServiceError."""

    def clone_url(self, repo: Repo) -> str:
        """Return the HTTPS URL of the repository, rebuilt from its name, never taken from a payload."""


class CiService(Protocol):
    """What a service knows of a commit whose CI has ended, beside its Service side. Every method raises ServiceError."""

    def branch_head(self, credential: Credential, repo: Repo, branch: str) -> str | None:
        """Return the commit that a branch of this repository stands at now, or None where there is no such branch."""

    def open_pull_of(self, credential: Credential, repo: Repo, branch: str) -> Pull | None:
        """Return the open pull request whose head is a branch of this repository, the oldest of several, or None."""

    def pushed_by(self, credential: Credential, repo: Repo, branch: str, commit: str) -> Actor | None:
        """Return whoever made the branch stand at the commit, by the service's own record of pushes; None: it has none of that."""

    def pieces(self, credential: Credential, repo: Repo, commit: str, kinds: Sequence[PieceKind]) -> tuple[Piece, ...]:
        """Return all CI of these kinds on a commit, in its newest attempt, without our own."""

    def evidence(self, credential: Credential, repo: Repo, piece: Piece) -> tuple[Evidence, ...]:
        """Return what there is to read of a piece that has failed: one for each of its jobs, bounded, untrusted.

        What cannot be read is one that says why; only a service that does not answer at all raises ServiceError.
        """


@runtime_checkable
class HasCi(Protocol):
    """A Service that also knows of CI."""

    ci: CiService


class Conversation(Protocol):
    """A service where people talk about work that is done at a forge: Slack, Linear. It holds its own credential.

    Every method raises ServiceError.
    """

    def show(self, card: Card, known: str) -> Shown:
        """Bring the message of the card's key in its thread to what the card says, and return where it stands.

        `known` is what an earlier call returned for the same card (empty: none came back). Then it is looked up by its key first,
        so that doing it twice gives one. What the service cannot hold is cut, and says so.
        """

    def person(self, account_id: str) -> Person:
        """Return an account as the service knows it now."""

    def history(self, event: Event) -> History:
        """Return what was said in the event's thread before it, bounded, without strangers' words."""

    def complete(self, event: Event) -> Event:
        """Return the event with what its delivery leaves out of where it was said: `labels` and `places`; as it is where nothing is left out."""

    def begun(self, event: Event) -> None:
        """Mark that work on what the event was about has begun, such as an issue's state; safe to repeat, and nothing where there is no such mark."""

    def attach(self, event: Event, url: str, title: str) -> None:
        """Attach a pull request to what the event was about, where something can be attached; doing it twice gives one."""

    def image(self, image_id: str) -> bytes:
        """Return a picture of the history, bounded. Raises ServiceError also for one that is too large or none."""
