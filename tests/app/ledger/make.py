"""Events and profiles for the ledger's tests."""

from __future__ import annotations

from app.core.event import Actor, Event, Repo
from app.core.profile import Profile

REPO = Repo(id=7, full_name="octo/till", default_branch="main", installation_id=3)
PROFILE = Profile.model_validate(
    {"name": "fix", "on": {"issues": {"types": ["labeled"]}}, "agent": {"uses": "command", "with": {"run": "true"}}}
)


def event(key: str = "d-1", thread: str = "github:octo/till#1", intent: str | None = None) -> Event:
    """A labelled issue, delivered under `key`."""
    return Event(
        source="github", kind="issues.labeled", delivery_key=key, intent_key=intent, thread=thread,
        actor=Actor(id="11", login="ada", kind="person"), repo=REPO, url="http://x/1", title="A bug", text="words",
        number=1, label="bellhop",
    )
