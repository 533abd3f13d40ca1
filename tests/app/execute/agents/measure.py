"""Measures each agent on each image: `make agents-table` writes the table of docs/agents.md anew."""

from __future__ import annotations

import os
import re
import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

from app.core.assignment import Assignment
from app.execute.tooling.layout import PYTHON
from tests.app.execute.agents.bench import Bench, Beside
from tests.app.execute.agents.clis import CLIS, Cli
from tests.app.execute.agents.conftest import opened
from tests.app.execute.agents.scenarios import WORD, acts
from tests.environment import images
from tests.environment.engine import DEFAULT_HOST

TIMES = 3
DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "agents.md"
PLACE = re.compile(r"(?<=<!-- measured -->\n).*?(?=<!-- /measured -->)", re.DOTALL)
# The largest of all the processes that the agent has been: https://man7.org/linux/man-pages/man2/getrusage.2.html
WEIGHED = """\
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
sys.stderr.write("largest-kib %d\\n" % resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""
PLACES = (("bubblewrap", None, "the host's programs (bubblewrap)"), ("docker", images.DEBIAN, "Debian"), ("docker", images.EMPTY, "no file at all"))


class Measured(NamedTuple):
    """Seconds until the model was asked, and MiB of the largest process."""

    start_seconds: float
    largest_mib: float


def weighed(asked: Assignment) -> Assignment:
    """Return the assignment with its command under the scales."""
    return asked.model_copy(update={"argv": (PYTHON, "-I", "-c", WEIGHED, *asked.argv)})


def measure(bench: Bench, cli: Cli) -> Measured:
    """Have the agent write a file and end."""
    asked_at: list[float] = []

    def look(beside: Beside) -> None:
        beside.wait(1)
        asked_at.append(time.monotonic() - beside.began)

    turns = [acts(cli.shell("echo hello > hello.txt")), cli.last(WORD)]
    worked = bench.work(cli.profile(), {"turns": turns}, change=weighed, meanwhile=look)
    kib = [int(text.split()[1]) for stream, text in worked.lines if stream == "stderr" and text.startswith("largest-kib ")]
    assert worked.end.exit_code == 0, worked.says()
    assert kib, worked.says()
    return Measured(asked_at[0], kib[-1] / 1024)


def main() -> None:
    """Measure everything and write the table."""
    chosen = [cli for cli in CLIS if cli.id != "opencode-openai"]
    rows = {cli.name: [f"`{cli.name}`"] for cli in chosen}
    for backend, image, _ in PLACES:
        with opened(backend, image, os.environ.get("DOCKER_HOST", DEFAULT_HOST)) as bench:
            for cli in chosen:
                found = [measure(bench, cli) for _ in range(TIMES)]
                seconds = statistics.median(each.start_seconds for each in found)
                mib = statistics.median(each.largest_mib for each in found)
                rows[cli.name].append(f"{seconds:.1f} s, {mib:.0f} MiB")
                sys.stdout.write(f"{cli.name} on {image or backend}: {rows[cli.name][-1]}\n")
                sys.stdout.flush()
    head = ["agent", *(name for _, _, name in PLACES)]
    lines = [head, ["---"] * len(head), *rows.values()]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    where = f"\nMeasured on {os.cpu_count()} cores, with a load of {os.getloadavg()[2]:.1f} from elsewhere and from this.\n"
    DOCUMENT.write_text(PLACE.sub(lambda _: f"\n{table}{where}\n", DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
