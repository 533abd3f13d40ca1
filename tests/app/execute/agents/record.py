"""Records what the real CLIs print: `make agent-streams`, or `python -m tests.app.execute.agents.record codex` for one.

Kept are `streams/<cli>/<scenario>.jsonl`: a line `{"stream", "text"}` for each that the agent printed, the last one `{"end"}`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from app.execute.sandboxes.bubblewrap import machine
from app.execute.sandboxes.bubblewrap.backend import BubblewrapSandboxes
from app.execute.tooling.choose import Tooling
from app.settings import Settings
from tests.app.execute.agents.bench import Worked, bench
from tests.app.execute.agents.clis import CLIS
from tests.app.execute.agents.scenarios import ALL, EDIT, fits, play
from tests.e2e.harness import share_tooling

STREAMS = Path(__file__).parent / "streams"
# Beyond these of standard error nothing new is said: a stack of calls.
STDERR_LINES = 3
# Of the first line of Claude Code: what it can do is long, and changes with each version.
INIT = ("type", "subtype", "cwd", "session_id", "model", "permissionMode", "claude_code_version")


def main(wanted: list[str]) -> None:
    """Play every scenario with every CLI that is wanted, or all, and keep what it printed."""
    for cli in CLIS:
        if wanted and cli.id not in wanted:
            continue
        with tempfile.TemporaryDirectory(prefix="bh-") as short, tempfile.TemporaryDirectory(prefix="bh-record-") as room:
            place = Path(room)
            place.chmod(0o755)
            share_tooling(place / "state")
            tooling = Tooling(Settings(state_dir=place / "state"))
            backend = BubblewrapSandboxes(place / "boxes", machine.look())
            with bench(place, Path(short), backend, None, tooling.ensure, tooling.parts) as made:
                before: Worked | None = None
                for scenario in ALL:
                    if not fits(cli, scenario):
                        continue
                    worked = play(made, cli, scenario, before if scenario.resumes else None)
                    before = worked if scenario is EDIT else before
                    assert not worked.refused, worked.says()
                    keep(STREAMS / cli.id / f"{scenario.name}.jsonl", worked)
                    sys.stdout.write(f"{cli.id} {scenario.name}: {worked.seconds:.1f} s, {worked.end.reason} {worked.end.exit_code}\n")
                    sys.stdout.flush()


def keep(file: Path, worked: Worked) -> None:
    """Write one recording."""
    file.parent.mkdir(parents=True, exist_ok=True)
    errors = 0
    with file.open("w", encoding="utf-8") as out:
        for stream, text in worked.lines:
            errors += stream == "stderr"
            if stream != "stderr" or errors <= STDERR_LINES:
                out.write(json.dumps({"stream": stream, "text": trimmed(text)}, ensure_ascii=False) + "\n")
        out.write(json.dumps({"end": worked.end.model_dump(mode="json", include={"reason", "exit_code", "text"})}) + "\n")


def trimmed(text: str) -> str:
    """Return a line without what is long and read by nobody."""
    try:
        event = json.loads(text)
    except ValueError:
        return text
    if isinstance(event, dict) and (event.get("type"), event.get("subtype")) == ("system", "init"):
        return json.dumps({name: event[name] for name in INIT if name in event}, separators=(",", ":"))
    return text


if __name__ == "__main__":
    main(sys.argv[1:])
