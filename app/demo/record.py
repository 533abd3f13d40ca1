"""Makes `record.json` and `delivery.json` anew: `python -m app.demo.record [docker|bubblewrap]`.

Plays `script.yaml` in a real run of the demo, and keeps the delivery as the emulated GitHub sends it and the model
exchanges as they went through the gateway.
"""

from __future__ import annotations

import json
import sys

from app.core.outcome import PullRequest
from app.demo import scene as scenes
from app.demo.sandbox import choose, shared_tooling
from app.demo.scene import HERE, REPO
from app.emulators.github.emulator import GitHubEmulator
from app.emulators.github.seed import load_seed
from app.emulators.github.serve import serve
from app.emulators.model.record import Normalisation, record_of
from app.emulators.model.script import load_script
from app.ledger import exchanges, inbox, runs
from app.log import configure_logging
from app.observe.console import follow

# What a recorded delivery keeps: what a receiver reads, and no address of the machine that made it.
KEPT_HEADERS = ("content-type", "user-agent", "x-github-", "x-hub-signature-256")

NORMALISE = (
    Normalisation(pattern=r"\b[0-9a-f]{24}\b", replacement="FENCE", why="the mark around people's words, one per run"),
    Normalisation(pattern=r"in \d+\.\d+s", replacement="in N s", why="how long the tests took"),
)


def record_delivery() -> None:
    """Keep `issues.labeled` as the emulated GitHub sends it, with addresses as GitHub itself would write them."""
    with (
        scenes.directories(keep=False) as directory,
        GitHubEmulator(directory / "github", load_seed(HERE / "seed.yaml")) as github, serve(github),
    ):
        github.world.web_url = "https://github.com"
        github.person("ada").unlabel(REPO, 1, "bellhop")
        github.person("ada").label(REPO, 1, "bellhop")
        delivery = github.wait_for_deliveries()[-1]
    headers = {
        name: value for name, value in delivery.headers.items() if name.lower().startswith(KEPT_HEADERS)
    }
    text = json.dumps({"headers": headers, "body": delivery.body.decode()}, indent=1)
    (HERE / "delivery.json").write_text(text + "\n", encoding="utf-8")


def record_model(sandbox: str) -> None:
    """Play the script in a run and keep its exchanges. Raises AssertionError when the run does not end well."""
    with scenes.directories(keep=False) as directory:
        settings = scenes.demo_settings(directory)
        shared_tooling(settings, scenes.cache_directory())
        choice = choose(settings, sandbox, None)
        with scenes.scene(settings, choice, directory, None, load_script(HERE / "script.yaml")) as scene:
            database = scene.bellhop.database
            inbox_id = scenes.deliver(scene.bellhop)
            run_id = None
            while run_id is None:
                with database.read() as tx:
                    entry = inbox.load(tx, inbox_id)
                run_id = entry.run_id if entry else None
            for row in follow(database, run_id, timeout_seconds=120):
                sys.stdout.write(f"{row.step.kind}: {row.step.text[:200]}\n")
            with database.read() as tx:
                run = runs.load(tx, run_id)
                made = record_of(exchanges.of_run(tx, run_id), NORMALISE)
    outcome = run.outcome if run else None
    assert isinstance(outcome, PullRequest) and outcome.verify and outcome.verify.passed, outcome  # noqa: S101, PT018 - a tool for developers
    made.save(HERE / "record.json")


if __name__ == "__main__":
    configure_logging("WARNING", readable=True)
    record_delivery()
    record_model(sys.argv[1] if len(sys.argv) > 1 else "bubblewrap")
