"""What every part of the emulator shares: the records, one lock, a clock, the URLs and the webhook sender."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import datetime
from itertools import count

from app.emulators.github.faults import Faults
from app.emulators.linear.deliveries import Deliveries
from app.emulators.linear.limits import Limits
from app.emulators.linear.state import Client, Comment, Issue, Project, State, User, Webhook

Clock = Callable[[], datetime]


class World:
    """The emulated Linear as one value; whoever reads or writes `state` holds `lock`."""

    def __init__(self, state: State, client: Client, webhook: Webhook, *, now: Clock, deliveries: Deliveries, limits: Limits) -> None:
        self.state = state
        self.client = client
        self.webhook = webhook
        self.now = now
        self.deliveries = deliveries
        self.limits = limits
        self.faults = Faults()
        self.lock = threading.RLock()
        self.base_url = "http://linear.invalid"
        self._sync_ids = count(1)

    @property
    def web_url(self) -> str:
        """Where the workspace's pages are; nothing is served there."""
        return f"{self.base_url}/{self.state.organization.url_key}"

    def next_sync_id(self) -> int:
        """Return the number of one more change."""
        return next(self._sync_ids)

    def issue_url(self, issue: Issue) -> str:
        """The page's URL of an issue."""
        slug = re.sub(r"[^a-z0-9]+", "-", issue.title.lower()).strip("-")
        return f"{self.web_url}/issue/{issue.identifier}/{slug}"

    def comment_url(self, comment: Comment) -> str:
        """The page's URL of a comment."""
        return f"{self.issue_url(comment.issue)}#comment-{comment.id[:8]}"

    def user_url(self, user: User) -> str:
        """The page's URL of a person or an app."""
        return f"{self.web_url}/profiles/{user.display_name}"

    def project_url(self, project: Project) -> str:
        """The page's URL of a project."""
        return f"{self.web_url}/project/{project.slug_id}"


def iso(at: datetime) -> str:
    """Return a time as Linear writes it: UTC, milliseconds, `Z`."""
    return f"{at.strftime('%Y-%m-%dT%H:%M:%S')}.{at.microsecond // 1000:03d}Z"


def iso_or_none(at: datetime | None) -> str | None:
    """Return a time as Linear writes it, or None."""
    return None if at is None else iso(at)
