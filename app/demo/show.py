"""`bellhop demo`: from a signed webhook to a pull request, with real parts, and proof at the end."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.syntax import Syntax
from rich.text import Text

from app.core.outcome import PullRequest
from app.core.run import Run
from app.demo import scene as scenes
from app.demo.sandbox import Choice, choose, shared_tooling
from app.demo.scene import REPO, Scene
from app.errors import BellhopError
from app.git import Git
from app.ledger import inbox, outbox, runs, steps
from app.ledger.steps import StepRow
from app.log import configure_logging
from app.observe.console import one_line, time_table, watch
from app.observe.text import printable
from app.observe.views import Stage, outcome_line, stages_of

RUN_SECONDS = 600.0
ROUTE_SECONDS = 20.0


def show(
    console: Console, *, as_json: bool, sandbox: str, keep: bool, image: str | None = None,
    repository: Path | None = None,
) -> int:
    """Play the demo; return 0 only if the emulator holds the pull request and its branch passed the test.

    `repository` is another directory to work on than the shipped one. Raises BellhopError.
    """
    configure_logging("ERROR", readable=True)
    with scenes.directories(keep=keep) as directory:
        settings = scenes.demo_settings(directory)
        shared_tooling(settings, scenes.cache_directory())
        console.print("Bellhop demo: a labelled issue becomes a pull request. Everything runs on this machine.")
        console.print("Preparing the sandbox; the first time this takes a while ...")
        choice = choose(settings, sandbox, image)
        _say_sandbox(console, choice)
        with scenes.scene(settings, choice, directory, repository) as scene:
            _say_model(console, scene)
            run = _play(console, scene)
            result = _result(scene, run)
            _show_result(console, scene, run)
            good, why = proof(scene, run)
            console.print(Text(why, style="bold green" if good else "bold red"), soft_wrap=True)
        if keep:
            console.print(f"The demo's files are in {directory}", soft_wrap=True)
        else:
            console.print("All of this was on this machine, and is gone now, the addresses above too.")
    if as_json:
        print(json.dumps(result))
        if not good:
            # The last line: whoever reads the object alone learns from it that it failed, and from this why.
            console.print(f"The demo failed. {_why(run, why)}", soft_wrap=True)
    return 0 if good else 1


def _why(run: Run, said: str) -> str:
    return said if isinstance(run.outcome, PullRequest) else printable(" ".join(outcome_line(run.outcome).split()))


def _say_sandbox(console: Console, choice: Choice) -> None:
    if choice.backend == "bubblewrap":
        text = (
            "Sandbox: bubblewrap, isolation level `process`. This is the weakest level: the agent has no network and "
            "sees only its own files, but it shares this machine's kernel and programs. Production runs use Docker."
        )
        if choice.why:
            text += f"\nWhy not Docker: {choice.why}"
        console.print(Panel(Text(text), title="isolation: process", border_style="yellow"))
    else:
        console.print(f"Sandbox: Docker, isolation level `{choice.isolation}`, image {choice.image}")


def _say_model(console: Console, scene: Scene) -> None:
    if scene.model == "replay":
        console.print(
            "Model: no key is set, so the model's turns are replayed from a shipped record. They are hand-written: no real "
            "model made them. The agent, its commands and the tests are real; a request that is not in the record fails "
            "the run. Set ANTHROPIC_API_KEY or "
            "OPENAI_API_KEY to use a real model."
        )
    else:
        console.print(f"Model: {scenes.MODELS[scene.model]}, with your key (the gateway holds it; the sandbox does not)")


def _play(console: Console, scene: Scene) -> Run:
    """Ring, and watch the run to its end. Raises BellhopError."""
    console.print(f"GitHub: emulated at {scene.github.web_url}, repository {REPO}")
    console.print(f"Pages while it runs: {scene.bellhop.new_link()}", soft_wrap=True)
    inbox_id = scenes.deliver(scene.bellhop)
    console.print("Delivered the recorded webhook `issues.labeled`, signed; accepted.")
    deadline = time.monotonic() + ROUTE_SECONDS
    while True:
        with scene.bellhop.database.read() as tx:
            entry = inbox.load(tx, inbox_id)
        if entry is not None and entry.run_id is not None:
            break
        if time.monotonic() > deadline or (entry is not None and entry.state != "stored"):
            raise BellhopError(f"the event started no run: {entry.decision if entry else 'it is gone'}", reason="no_run")
        time.sleep(0.01)
    try:
        return watch(console, scene.bellhop.database, entry.run_id, timeout_seconds=RUN_SECONDS)
    except TimeoutError as error:
        raise BellhopError(str(error), reason="demo_timeout") from error


def _stages(scene: Scene, run: Run) -> list[Stage]:
    """Return where the time went, from the moment when the delivery came in."""
    with scene.bellhop.database.read() as tx:
        return stages_of([("received", inbox.received_at(tx, run.id)), *runs.timeline(tx, run.id)])


def _result(scene: Scene, run: Run) -> dict[str, Any]:
    outcome, timings_ms = run.outcome, {stage.name: stage.duration_ms or 0 for stage in _stages(scene, run)}
    return {
        "outcome": None if outcome is None else outcome.kind,
        "url": outcome.url if isinstance(outcome, PullRequest) else None,
        "branch": outcome.branch if isinstance(outcome, PullRequest) else None,
        "isolation": run.isolation,
        "timings_ms": timings_ms | {"in all": sum(timings_ms.values())},
    }


def _show_result(console: Console, scene: Scene, run: Run) -> None:
    with scene.bellhop.database.read() as tx:
        said = steps.after(tx, run.id, limit=10_000)
    console.print()
    console.print(Text("Main steps", style="bold"))
    for row in main_steps(said):
        console.print(Text(f"  {row.step.kind.replace('_', ' '):<10} {one_line(row.step, console.width - 13)}"))
    outcome = run.outcome
    console.print()
    if isinstance(outcome, PullRequest):
        console.print(Text(f"{'Draft pull' if outcome.draft else 'Pull'} request #{outcome.number}: ", style="bold")
                      + Text(printable(outcome.title)))
        console.print(f"  {outcome.url}", soft_wrap=True)
        if outcome.verify is not None:
            verdict = "passed" if outcome.verify.passed else "FAILED"
            console.print(f"  verify: `{outcome.verify.command}` {verdict} in a fresh sandbox "
                          f"({outcome.verify.duration_ms} ms)")
        console.print(f"  isolation: {run.isolation} ({run.backend})")
        console.print(Syntax(printable(diff_of(scene, run)), "diff", background_color="default"))
    else:
        console.print(Text(printable(outcome_line(outcome)), style="red"), soft_wrap=True)
    console.print(Text("Where the time went", style="bold"))
    console.print(time_table(_stages(scene, run)))


def main_steps(rows: list[StepRow]) -> list[StepRow]:
    """Return the steps that a person wants to see: what the agent said and did, without its output."""
    return [row for row in rows if row.step.kind in ("message", "tool_call", "error") and row.sandbox_id.endswith("-work")]


def diff_of(scene: Scene, run: Run) -> str:
    """Return what the pull request's branch changes, as the emulated GitHub has it."""
    repository = scene.github.repository(REPO)
    git = Git.from_settings(scene.bellhop.parts.settings)
    return git.run("diff-tree", "-p", "--no-color", "--no-ext-diff", f"{run.base_commit}", run.branch,
                   git_dir=repository.path).text


def proof(scene: Scene, run: Run) -> tuple[bool, str]:
    """Look at the emulator, not at what Bellhop says: the pull request is there, on the commit that passed."""
    outcome = run.outcome
    if not isinstance(outcome, PullRequest):
        return False, "No pull request."
    all_revoked = settle(scene, run)
    pulls = scene.github.pull_requests(REPO, "open")
    comments = scene.github.comments(REPO, 1)
    with scene.bellhop.database.read() as tx:
        candidate = runs.candidate(tx, run.id)
    verified = json.loads(candidate)["commit"] if candidate else None
    claims = {
        "it holds exactly that pull request": [pull.number for pull in pulls] == [outcome.number],
        "its branch stands at the commit that was verified": scene.github.branches(REPO).get(outcome.branch) == verified,
        "the test passes on that commit": outcome.verify is not None and outcome.verify.passed,
        "the issue has one comment, which tells of it": len(comments) == 1 and outcome.url in comments[0].body,
        "every token was revoked": all_revoked,
    }
    wrong = [claim for claim, holds in claims.items() if not holds]
    if wrong:
        return False, f"Not proven, by the emulated GitHub: {'; '.join(wrong)}."
    return True, f"Proof, from the emulated GitHub: {'; '.join(claims)}."


def settle(scene: Scene, run: Run, timeout_seconds: float = 10.0) -> bool:
    """Wait until everything has been told and the last token is gone, which follows the outcome; return whether that came."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        # In this order: what is told takes a token, for as long as that lasts.
        with scene.bellhop.database.read() as tx:
            is_told = not outbox.undelivered(tx, run.id)
        if is_told and not scene.github.live_tokens():
            return True
        time.sleep(0.02)
    return False
