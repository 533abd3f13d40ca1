"""How the work ends: what happens to it meanwhile, and what will be said of it."""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

END_TEXT_LIMIT = 4000


class Happening(NamedTuple):
    """What the main thread waits for: the agent `exited` (detail: its code), a letter is `urgent`, `cancel` (why), or the door is `lost` (why)."""

    kind: Literal["exited", "urgent", "cancel", "lost"]
    detail: Any = None


Happenings = queue.SimpleQueue[Happening]


@dataclass
class Ending:
    """What will be said at the end (SandboxEnd in app/core/assignment.py), filled in as it becomes known."""

    started_at: float = field(default_factory=time.monotonic)
    reason: str = "exited"
    exit_code: int | None = None
    has_bundle: bool = False
    head_commit: str | None = None
    texts: list[str] = field(default_factory=list)

    def say(self, text: str, reason: str | None = None) -> None:
        """Add a sentence, and change the reason if one is given."""
        self.texts.append(text)
        self.reason = reason or self.reason

    def stop_for(self, happening: Happening) -> bool:
        """Note why the agent has to stop; False where what happened is no reason to."""
        if happening.kind == "cancel" and happening.detail == "budget":
            self.say("stopped: the run's budget is used up", "budget")
        elif happening.kind == "cancel":
            self.say("stopped: it was cancelled", "cancelled")
        elif happening.kind == "lost":
            self.say(str(happening.detail), "lost")
        else:
            return False
        return True

    def as_json(self) -> dict[str, Any]:
        """Return it as the door takes it."""
        return {
            "reason": self.reason, "exit_code": self.exit_code, "has_bundle": self.has_bundle, "head_commit": self.head_commit,
            "duration_ms": int((time.monotonic() - self.started_at) * 1000), "text": "; ".join(self.texts)[:END_TEXT_LIMIT],
        }
