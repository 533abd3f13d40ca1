"""A profile: the named YAML answer to which events, whose, which agent, which sandbox, which limits.

Keys are written in kebab-case and read at sight by users of GitHub Actions (`on:`, `permissions:`,
`container:`, `timeout-minutes:`). Field names here are the same words in snake case.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from app.core.deciding.approval import Approval, faults_of_approval
from app.core.deciding.autonomy import Autonomy
from app.core.grant import Access
from app.core.isolation import Isolation
from app.core.line.budget import Budget
from app.core.result.branch import is_branch
from app.core.result.reviewing import Reviewing
from app.core.ringing.filter_pattern import fault_of, is_wanted
from app.core.ringing.on import On, faults_of_on
from app.core.sandbox.agent_config import AGENT_CONFIG
from app.core.sandbox.destination import NotADestination, parse_entry
from app.core.sandbox.services import ServiceContainer, ServiceName, service_faults
from app.core.sandbox.setup import Setup
from app.core.sandbox.setup import faults as faults_of_setup
from app.core.section import Section
from app.core.showing.friction import Offer
from app.core.showing.signs import Signs

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class Who(Section):
    """Whose events ring: the least live permission on the repository, and the programs that ring, too.

    `apps` are the numeric ids of programs' own accounts, such as a GitHub App's `name[bot]`: a name can be taken over, an id not.
    """

    permission: Literal["write", "maintain", "admin"] = "write"
    apps: tuple[Annotated[int, Field(ge=1)], ...] = ()


class AgentChoice(Section):
    """Which agent works the task, on which model, with which options of its own.

    `fallback_model`, of the same vendor, is asked where the model is overloaded or out of quota.
    """

    uses: Name
    model: str | None = None
    fallback_model: str | None = None
    with_: dict[str, Any] = Field(default={}, alias="with")


class OfferedAgent(Section):
    """Another agent that a message may choose, with its own model and options."""

    model: str | None = None
    fallback_model: str | None = None
    with_: dict[str, Any] = Field(default={}, alias="with")


class Choose(Section):
    """What a message may choose beside what the profile says: nothing, unless it is named here.

    In `models` (`vendor/model`) and `branches`, `*` stands for any characters. A budget may always be a smaller one;
    `budget_usd` is the most that may be asked for instead.
    """

    agents: dict[Name, OfferedAgent] = {}
    models: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    budget_usd: Annotated[float, Field(gt=0)] | None = None


class Container(Section):
    """The team's image and the least isolation level it must run at."""

    image: str | None = None
    isolation: Isolation = "container"
    user: Annotated[int, Field(ge=1, le=65_000)] = 10_001
    memory_mb: Annotated[int, Field(ge=64)] = 4096
    cpus: Annotated[float, Field(gt=0)] = 2.0
    pids: Annotated[int, Field(ge=16)] = 512
    tmp_mb: Annotated[int, Field(ge=1)] = 512
    disk_mb: Annotated[int, Field(ge=16)] = 10_240


class Limits(Section):
    """When a run is stopped and what its result may hold."""

    idle_minutes: Annotated[float, Field(gt=0)] = 10
    max_steps: Annotated[int, Field(ge=1)] = 100
    max_changed_files: Annotated[int, Field(ge=1)] = 100
    max_patch_kb: Annotated[int, Field(ge=1)] = 4096
    max_open_pull_requests: Annotated[int, Field(ge=1)] = 10
    max_runs: Annotated[int, Field(ge=1)] | None = None
    ci_attempts: Annotated[int, Field(ge=1)] = 3
    ci_attempts_per_head: Annotated[int, Field(ge=1)] = 1
    protected_paths: tuple[str, ...] = (
        ".github/**", ".git*", "**/.git*", "**/CODEOWNERS", *(f"**/{name}" for name in AGENT_CONFIG),
    )


class Egress(Section):
    """What a sandbox may reach through its door besides its model: nothing, unless it is named here.

    `connect` are hosts for a tunnel, `host` (port 443), `host:port` or `*.host` (one more label, no deeper): each is a way
    out for whatever the agent has read. `registries` are package registries that this host's settings know, to read from only.
    """

    connect: tuple[str, ...] = ()
    registries: tuple[Name, ...] = ()


class PullRequestPolicy(Section):
    """How a result is proposed."""

    labels: tuple[str, ...] = ()
    protected_paths: Literal["draft", "refuse"] = "draft"
    lockfiles: Literal["allow", "draft", "refuse"] = "allow"
    secrets: Literal["refuse", "draft"] = "refuse"
    merge_method: Literal["merge", "squash", "rebase"] = "merge"


class Templates(Section):
    """Which files below `templates/` make the prompt and the replies."""

    prompt: str = "prompts/issue.md.j2"
    pull_request: str = "replies/pull_request.md.j2"
    comment: str = "replies/comment.md.j2"


class Profile(Section):
    """One profile; `name` is the file's name without `.yaml`. `prompt` is what a tick of its schedule asks for.

    `setup` is run before the agent begins, and kept; `verify` is a shell command run in a fresh sandbox over the result; `permissions` is what the run's
    workspace token may read; `services` run beside each of its sandboxes; `branch` is worked on instead of the default one; `ci: hold` gives the pull request's last commit GitHub's skip instruction.
    """

    name: Name
    on: On
    repositories: tuple[str, ...] = ()
    prompt: str | None = None
    who: Who = Who()
    agent: AgentChoice
    choose: Choose = Choose()
    branch: str | None = None
    container: Container = Container()
    services: dict[ServiceName, ServiceContainer] = {}
    permissions: dict[str, Access] = {"contents": "read"}
    env: dict[str, str] = {}
    timeout_minutes: Annotated[float, Field(gt=0, le=24 * 60)] = 30
    limits: Limits = Limits()
    budget: Budget = Budget()
    egress: Egress = Egress()
    setup: Setup | None = None
    verify: str | None = None
    autonomy: Autonomy = "propose"
    approval: Approval = Approval()
    ci: Literal["hold", "run"] = "hold"
    workspace: Literal["rw", "ro"] = "rw"
    reply: Literal["issue", "silent"] = "issue"
    pull_request: PullRequestPolicy = PullRequestPolicy()
    templates: Templates = Templates()
    signs: Signs = Signs()
    offer: Offer = Offer()
    review: Reviewing | None = None

    @property
    def keeps_changes(self) -> bool:
        """Whether what an agent changes is looked at: else only its words are."""
        return self.workspace == "rw" and self.autonomy != "observe"

    @property
    def agents(self) -> tuple[AgentChoice, ...]:
        """The agent, and those that a message may choose instead."""
        offered = {name: each.model_dump(by_alias=True) for name, each in self.choose.agents.items()}
        return (self.agent, *(AgentChoice.model_validate({"uses": name} | said) for name, said in offered.items()))


# https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app
REPOSITORY_PERMISSIONS = (
    "actions", "checks", "contents", "deployments", "discussions", "issues", "metadata", "packages", "pages",
    "pull_requests", "security_events", "statuses",
)


def faults(profile: Profile) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield each thing that fits the form and would never work: the key's way from the top, and what is wrong.

    Not a validator of Profile: a profile that a run has frozen must stay readable whatever is refused since.
    """
    yield from () if profile.offer.for_ and not profile.on.filters else faults_of_on(profile.on)
    yield from _faults_of_repositories(profile)
    yield from _faults_of_own_events(profile)
    if profile.container.isolation != "process" and not profile.container.image:
        yield ("container", "image"), f"is missing: isolation {profile.container.isolation} runs the agent in an image"
    for name, access in profile.permissions.items():
        if name not in REPOSITORY_PERMISSIONS:
            yield ("permissions", name), f"there is no such permission; there are {', '.join(REPOSITORY_PERMISSIONS)}"
        elif access != "read":
            yield ("permissions", name), "must be read: this token only ever reads, the publisher has a token of its own"
    for index, entry in enumerate(profile.egress.connect):
        try:
            host = parse_entry(entry).host
        except NotADestination as error:
            yield ("egress", "connect", index), str(error)
        else:
            if f".{host}".endswith(".localhost"):
                yield ("egress", "connect", index), "no tunnel ever leads to this machine, which is what localhost means"
    yield from service_faults(profile.services, profile.container.image, profile.container.isolation)
    yield from _faults_of_choices(profile)
    yield from _faults_of_review(profile)
    yield from faults_of_approval(profile.approval, profile.autonomy)
    yield from _faults_of_merging(profile)
    yield from faults_of_setup(profile.setup)
    if profile.budget.daily_usd is not None and profile.budget.daily_usd < profile.budget.usd:
        yield ("budget", "daily-usd"), f"is less than the {profile.budget.usd:g} that one run may cost (`budget: usd:`), so none would ever begin"
    for model in profile.budget.prices:
        if not all(model.partition("/")):
            yield ("budget", "prices", model), "must be `vendor/model`, as `agent: model:` says it"
    if profile.verify is not None and all(not line.strip() or line.lstrip().startswith("#") for line in profile.verify.splitlines()):
        yield ("verify",), "holds no command, so every result would pass: name the command, or leave `verify:` out"


def _faults_of_merging(profile: Profile) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if profile.autonomy != "merge":
        return
    if profile.verify is None:
        yield ("autonomy",), "is `merge`, and nothing is merged that no `verify:` has passed: name the command"
    if profile.ci == "hold":
        yield ("ci",), "is `hold`, which keeps the checks from starting that `autonomy: merge` waits for: write `ci: run`"


def _faults_of_repositories(profile: Profile) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for index, pattern in enumerate(profile.repositories):
        if pattern.count("/") != 1 and "**" not in pattern:
            yield ("repositories", index), "must be `owner/name`, where `*` stands for any characters but a slash"
    if (fault := fault_of(profile.repositories)) is not None:
        yield ("repositories",), fault


def _faults_of_own_events(profile: Profile) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what a schedule or a webhook lacks outside of its own block."""
    if profile.on.schedule:
        if not (profile.prompt or "").strip():
            yield ("prompt",), "is missing: a schedule has no words of its own, so say here what there is to do"
        if not profile.repositories or any(set(name) & set("*?!+[]\\") for name in profile.repositories):
            yield ("repositories",), "must name each repository in full, `owner/name`, where there is a schedule"
    elif profile.on.push is not None:
        if profile.prompt is not None and not profile.prompt.strip():
            yield ("prompt",), "is empty: say what there is to do after a push, or leave it out"
    elif profile.prompt is not None:
        yield ("prompt",), "is for schedules and pushes: every other event has words of its own"
    hook, wanted = profile.on.webhook, [pattern.casefold() for pattern in profile.repositories]
    for name in () if hook is None or not wanted else hook.all_repositories:
        if not is_wanted(name.casefold(), wanted):
            yield ("repositories",), f"leaves out {name}, which the webhook is for"


def _faults_of_review(profile: Profile) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if profile.review is not None and profile.workspace != "ro":
        yield ("review",), "is a result in words: set `workspace: ro` beside it"


def _faults_of_choices(profile: Profile) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for index, model in enumerate(profile.choose.models):
        if not all(model.partition("/")):
            yield ("choose", "models", index), "must be `vendor/model`, where `*` stands for any characters"
    if profile.branch is not None and not is_branch(profile.branch):
        yield ("branch",), "is no name of a branch"
