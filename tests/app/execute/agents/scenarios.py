"""What the adapters' conformance suite plays: the same for every agent, recorded and real."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.app.execute.agents.bench import WAIT_SECONDS, Bench, Beside, Meanwhile, Worked
from tests.app.execute.agents.clis import Cli

WORD = "All done. That was all there was to do."
LATER = "This too is done now, as you have asked."


def acts(*calls: dict[str, Any], text: str = "I act.") -> dict[str, Any]:
    """Return a turn that calls tools."""
    return {"text": text, "tools": list(calls)}


def edits(cli: Cli) -> list[dict[str, Any]]:
    """Return the turns of ordinary work: a command, a file, a command that fails, a word to the thread, an end."""
    update = cli.post_update("I have begun.")
    return [
        acts(cli.shell("echo hello > hello.txt; echo made it")),
        acts(cli.write("second.txt", "hi\n")),
        acts(cli.shell("echo trouble; exit 3")),
        *([acts(*update)] if update else []),
        cli.last(WORD),
    ]


def faulty(fault: dict[str, Any]) -> Callable[[Cli], dict[str, Any]]:
    """Return a script whose model does nothing but fail."""
    return lambda cli: {"turns": [{"text": "never said", "faults": [{**fault, "times": "always"}]}]}


def interrupted(cli: Cli) -> dict[str, Any]:
    """Return a script whose agent hangs in a command until it is told something else."""
    answer = {"text": LATER, "expect": "Do it otherwise"}
    # Claude Code puts a word of its own between the two: then the second of them is asked for.
    return {"turns": [acts(cli.shell("echo begun > begun.txt; tail -f /dev/null")), answer, {"text": LATER}]}


def say_otherwise(bench: Bench) -> Meanwhile:
    """Interrupt the agent once its command runs."""

    def act(beside: Beside) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not (bench.place(beside.run_id) / "scratch/upper/begun.txt").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        beside.say("Do it otherwise.", now=True)

    return act


def stop_when_asked(bench: Bench) -> Meanwhile:
    """Cancel the run once its model has been asked."""

    def act(beside: Beside) -> None:
        beside.wait(1)
        beside.stop()

    return act


class Scenario(NamedTuple):
    """`resumes`: it goes on in the HOME that `edit` has left, and in nothing else of it."""

    name: str
    script: Callable[[Cli], dict[str, Any]]
    meanwhile: Callable[[Bench], Meanwhile] = lambda bench: lambda beside: None
    resumes: bool = False


HANGS = faulty({"hang": True})
EDIT = Scenario("edit", lambda cli: {"turns": edits(cli)})
RESUMED = Scenario("resumed", lambda cli: {"turns": [*edits(cli), {"text": LATER, "expect": "one more thing"}]}, resumes=True)
INTERRUPTED = Scenario("interrupted", interrupted, say_otherwise)
STOPPED = Scenario("stopped", HANGS, stop_when_asked)
FAILING = {
    "refused": Scenario("refused", faulty({"status": 401})),
    "overloaded": Scenario("overloaded", faulty({"status": 429})),
    "broken": Scenario("broken", faulty({"status": 500})),
    "dropped": Scenario("dropped", faulty({"drop_after_events": 2})),
}
ALL = (EDIT, RESUMED, INTERRUPTED, STOPPED, *FAILING.values())


def fits(cli: Cli, scenario: Scenario) -> bool:
    """Return whether the agent can do what the scenario asks for."""
    return cli.goes_on or scenario not in (RESUMED, INTERRUPTED)


def play(bench: Bench, cli: Cli, scenario: Scenario, before: Worked | None = None, minutes: float = 2) -> Worked:
    """Play a scenario; `before` is what `edit` came to, where it resumes."""
    prompt = "And one more thing." if scenario.resumes else "Write hello.txt."
    return bench.work(
        cli.profile(minutes), scenario.script(cli), prompt, home=before.home if before is not None else None,
        meanwhile=scenario.meanwhile(bench),
    )
