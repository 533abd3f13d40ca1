"""What a verify sandbox did, as the host states it in a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.assignment import SandboxEnd
from app.core.outcome import VerifyResult
from app.core.words.clean import clean

_TAIL_LINES = 20
_TAIL_CHARS = 4000


def verify_result(command: str, end: SandboxEnd, lines: Sequence[str] = ()) -> VerifyResult:
    """Return the result of a verify run: passed only if the command itself exited, with 0.

    `lines` is the output in order; the last ones are kept. An end that is not the command's own (a timeout, a
    lost sandbox) is said in the tail.
    """
    tail = "\n".join(clean(one).rstrip("\n") for one in lines[-_TAIL_LINES:])[-_TAIL_CHARS:]
    if end.reason != "exited":
        tail = f"{tail}\n[{end.reason}] {clean(end.text)}".strip()[-_TAIL_CHARS:]
    return VerifyResult(
        command=command, passed=end.reason == "exited" and end.exit_code == 0, exit_code=end.exit_code,
        duration_ms=end.duration_ms, tail=tail,
    )
