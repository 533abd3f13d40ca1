"""Hop 5: grant, workspace, sandbox; hand the assignment over and return at once."""

from __future__ import annotations

from app.core.grant import Credential
from app.core.run import COMMENT, Run
from app.core.sandbox.agent_config import AGENT_CONFIG
from app.errors import PublishRefused
from app.ledger import line, outbox, pauses, runs, sandboxes, threads_before
from app.ledger.runs import Lease
from app.ports import Service
from app.publish.push import refuse_if_moved
from tasks.deciding.choices import refuse_what_is_not_offered
from tasks.deciding.narrowing import narrow
from tasks.finishing.approved import approved_plan, publish_approved
from tasks.finishing.conclude import conclude, refuse_if_cancelled, refuse_if_stopped
from tasks.finishing.hold import as_it_works, behind
from tasks.finishing.reviewing import change_from
from tasks.finishing.target import expected_at
from tasks.leased import LEASE_SECONDS, advance
from tasks.parts import Parts
from tasks.replying.replies import deliver_all, say
from tasks.starting.ci_report import passed_since, report_of
from tasks.starting.door_rules import with_door
from tasks.starting.earlier import home_for, said_before
from tasks.starting.entitle import entitled_grant
from tasks.starting.opening import choose_backend, open_sandbox, sandbox_uid
from tasks.starting.prepare import layer_for_work, setup_of
from tasks.starting.prompt import render_prompt
from tasks.starting.repository_door import with_repository
from tasks.starting.services import with_services


def start(parts: Parts, run_id: str) -> None:
    """Start a queued run; safe to repeat."""
    advance(parts, run_id, {"queued": start_here, "starting": start_here, "preparing": _prepare_again, "running": _start_again})
    # Not under the lease: whoever collects a fast agent's result need not wait for a comment.
    deliver_all(parts, run_id)


def start_here(parts: Parts, lease: Lease, run: Run) -> None:
    """Bring a run to the next sandbox that it waits for, its setup's or its agent's; safe to repeat."""
    has_begun = run.state == "running" and _has_begun(parts, run)
    _refuse_what_is_over(parts, run, has_begun=has_begun)
    refuse_closed(run)
    if run.state == "queued" and behind(parts, run) is not None and _waits_for_a_pause(parts, run):
        return
    if run.state == "queued" and publish_approved(parts, lease, run):
        return
    _begin(parts, lease, as_it_works(parts, run), approved_plan(parts, run))


def _begin(parts: Parts, lease: Lease, run: Run, plan: str) -> None:
    refuse_what_is_not_offered(parts, run)
    backend = choose_backend(parts, run.profile)
    if run.state == "queued" and not _takes_a_place(parts, lease, run):
        return
    if run.state != "running" and _has_passed(parts, lease, run):
        return
    base_commit, readable = _fetch(parts, lease, run)
    # What the repository takes away from the profile is on file by now.
    run = _as_on_file(parts, run)
    backend = choose_backend(parts, run.profile)
    clone_url = parts.service(run.event).clone_url(run.event.repo)
    uid = sandbox_uid(run.profile)
    sandbox_id = f"{run.id}-work"
    agent = parts.agent(run.profile.agent.uses)
    agent.check(run.profile.agent)
    # One that takes no turns has no use for a session, and would leave none.
    takes_turns = bool(agent.assignment(run.id, run.profile, "", base_commit).next_argv)
    layer: str | None = None
    if run.profile.setup is not None:
        layer = layer_for_work(parts, lease, run, backend, run.profile.setup, base_commit)
        if layer is None:
            return  # the end of its setup moves the run on
    home_of = home_for(parts, run, readable) if takes_turns else None
    prepared = parts.workspaces.prepare(
        run.event.repo, base_commit, sandbox_id, uid=uid, gid=uid, origin=clone_url, home_of=home_of, layer=layer,
        # Installed packages and build output are of no use under other programs, and a copy of the checkout has no layer.
        stands_on=" ".join(filter(None, (backend.name, str(run.profile.container.image), layer))),
    )
    given = parts.workspaces.continues(sandbox_id)
    has_files = given is not None and given.has_files
    with parts.database.begin() as tx:
        runs.mark(tx, run.id, "workspace")
        earlier = said_before(tx, run, home_of=given.run_id if given else None)
        before = threads_before.of_run(tx, run.id)
    prompt = render_prompt(
        run, parts.settings, earlier, continues=given is not None, has_files=has_files, plan=plan, change_from=change_from(parts, run),
        ci=report_of(parts, run), before=before,
    )
    asked = agent.assignment(run.id, run.profile, prompt, base_commit, continues=given is not None)
    if has_files:
        asked = asked.model_copy(update={"tidy": AGENT_CONFIG})
    assignment = with_services(with_repository(with_door(asked, run, parts.registries), clone_url), run.profile)
    if run.state != "running":
        with parts.database.begin() as tx:
            refuse_if_stopped(tx, run.id)
            runs.advance(tx, lease, "running", backend=backend.name, isolation=backend.isolation)
    open_sandbox(parts, lease, run, backend, sandbox_id, agent.name, assignment, prepared)
    with parts.database.begin() as tx:
        # Under the lease: nobody else has given this run its outcome meanwhile.
        runs.renew(tx, lease, LEASE_SECONDS)
        now = runs.load(tx, run.id)
        if now is not None:
            say(tx, parts, now)


def _waits_for_a_pause(parts: Parts, run: Run) -> bool:
    """Return whether what people have approved has to wait, which takes no place in the line: a pause holds that up, too."""
    with parts.database.begin() as tx:
        if not pauses.is_paused(tx, run.profile.name):
            return False
        if outbox.load(tx, run.id, COMMENT) is None:
            say(tx, parts, run)
    return True


def _takes_a_place(parts: Parts, lease: Lease, run: Run) -> bool:
    """Move a run out of the line, if it is its turn; else it has been told where it stands. Raises PublishRefused, LeaseLost."""
    with parts.database.begin() as tx:
        if why := line.never_fits(tx, run.id, parts.caps):
            raise PublishRefused(why, reason="daily_budget")
        if not line.may_begin(tx, run.id, parts.settings.host_name, parts.caps):
            if outbox.load(tx, run.id, COMMENT) is None:
                say(tx, parts, run)
            # Woken by the end of a run here (conclude), and by the sweeper.
            return False
        runs.advance(tx, lease, "starting", host=parts.settings.host_name)
        # Delivered by the sweeper where this takes long, and by nobody where it is soon over.
        say(tx, parts, run, state="starting")
    return True


def _refuse_what_is_over(parts: Parts, run: Run, *, has_begun: bool) -> None:
    with parts.database.read() as tx:
        if has_begun:
            # Its work is to be kept: the runner hears of the stop once its sandbox is attached to again.
            refuse_if_cancelled(tx, run.id)
        else:
            refuse_if_stopped(tx, run.id)


def _has_passed(parts: Parts, lease: Lease, run: Run) -> bool:
    """End a run on failed CI that has passed meanwhile, and return whether that is so."""
    passed = passed_since(parts, run)
    if passed is not None:
        conclude(parts, lease, run, passed)
    return passed is not None


def _start_again(parts: Parts, lease: Lease, run: Run) -> None:
    """Finish what a worker began that died between asking for the sandbox and noting its handle."""
    with parts.database.read() as tx:
        rows = [row for row in sandboxes.of_run(tx, run.id) if row.role == "work"]
    if not rows or rows[-1].state == "opening":
        start_here(parts, lease, run)


def _prepare_again(parts: Parts, lease: Lease, run: Run) -> None:
    """Finish what a worker began that died between asking for the sandbox of a setup and noting its handle."""
    with parts.database.read() as tx:
        is_for_result = runs.candidate(tx, run.id) is not None
    row = setup_of(parts, run, "setup")
    if not is_for_result and (row is None or row.state == "opening"):
        start_here(parts, lease, run)


def _has_begun(parts: Parts, run: Run) -> bool:
    """Return whether the agent may be at work already, in a sandbox whose handle nobody has noted. Raises SandboxUnavailable."""
    with parts.database.read() as tx:
        rows = [row for row in sandboxes.of_run(tx, run.id) if row.role == "work"]
        if any(sandboxes.is_claimed(tx, row.id) for row in rows):
            return True
    backends = [(row.id, parts.backend_named(row.backend)) for row in rows]
    return any(backend is not None and sandbox_id in backend.find() for sandbox_id, backend in backends)


def _fetch(parts: Parts, lease: Lease, run: Run) -> tuple[str, frozenset[str]]:
    """Bring the mirror up to date; return the commit that the run works from, chosen once, and what it may read."""
    service = parts.service(run.event)
    grant = entitled_grant(parts, run)
    with parts.credential(grant, run_id=run.id) as credential:
        url = service.clone_url(run.event.repo)
        if run.base_commit is not None:
            commit = parts.workspaces.fetch(run.event.repo, url, credential, run.base_commit)
        else:
            default = parts.workspaces.fetch(run.event.repo, url, credential, service.default_branch_head(credential, run.event.repo)[1])
            run = narrow(parts, lease, run, default)
            commit = _base(parts, service, credential, run, default)
        if run.profile.keeps_changes:
            # The publisher looks again and decides; this only spares a run whose result could not be published.
            with parts.database.read() as tx:
                before = runs.published_before(tx, run)
            expected = expected_at(run, before)
            mirror = parts.workspaces.mirror(run.event.repo)
            refuse_if_moved(parts.workspaces.git, mirror, url, run.branch, credential, expected)
    with parts.database.begin() as tx:
        runs.write(tx, lease, base_commit=commit)
    return commit, frozenset(grant.permissions) & frozenset(run.profile.permissions)


def _as_on_file(parts: Parts, run: Run) -> Run:
    with parts.database.read() as tx:
        now = runs.load(tx, run.id) or run
    return as_it_works(parts, run.model_copy(update={"profile": now.profile, "base_commit": now.base_commit}))


def _base(parts: Parts, service: Service, credential: Credential, run: Run, default: str) -> str:
    """Return the head of the default branch or the profile's, or what the event names with the default branch's agent configuration."""
    repo, pull = run.event.repo, run.event.pull
    url = service.clone_url(repo)
    if run.works_on is None and run.profile.branch is not None:
        return parts.workspaces.fetch(repo, url, credential, f"refs/heads/{run.profile.branch}")
    if run.works_on is None:
        return default
    head = parts.workspaces.fetch(repo, url, credential, run.works_on, None if pull is None else pull.number)
    # What a change is counted from, and what it conflicts with, is the base as it stands now.
    base = parts.workspaces.fetch(repo, url, credential, f"refs/heads/{pull.base_ref}") if pull is not None and _needs_base(run) else ""
    if pull is not None and run.event.friction == "conflict":
        head = parts.workspaces.joined(repo, head, base, head_ref=pull.head_ref, base_ref=pull.base_ref)
    return parts.workspaces.with_trusted_config(repo, head, default)


def _needs_base(run: Run) -> bool:
    return run.event.friction == "conflict" or run.profile.review is not None


def refuse_closed(run: Run) -> None:
    """Raise PublishRefused for a pull request that was merged or closed when somebody rang in it."""
    pull = run.event.pull
    if pull is not None and pull.state != "open":
        what = "merged" if pull.merged else "closed"
        raise PublishRefused(
            f"This pull request is {what}, so there is nothing to work on in it. "
            f"{'Open an issue for what is left to do' if pull.merged else 'Open it again first'}.", reason="pull_request_closed",
        )
