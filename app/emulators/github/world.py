"""What every part of the emulator shares: the records, one lock, a clock, the URLs and the webhook sender."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from app.emulators.github.deliveries import Deliveries
from app.emulators.github.faults import Faults
from app.emulators.github.sign_in import Authorizations
from app.emulators.github.state import App, Repository, State

Clock = Callable[[], datetime]


class World:
    """The emulated GitHub as one value; whoever reads or writes `state` holds `lock`."""

    def __init__(
        self, directory: Path, *, now: Clock, deliveries: Deliveries, token_lifetime_seconds: float, rate_limit: int,
        write_spacing_seconds: float = 0.0,
    ) -> None:
        self.directory = directory
        self.now = now
        self.deliveries = deliveries
        self.token_lifetime_seconds = token_lifetime_seconds
        self.rate_limit = rate_limit
        self.write_spacing_seconds = write_spacing_seconds
        self.state = State()
        self.authorizations = Authorizations()
        self.faults = Faults()
        self.lock = threading.RLock()
        self.web_url = "http://github.invalid"
        # Files at a place of their own, to which the API redirects.
        self.blobs: dict[str, bytes] = {}

    @property
    def api_url(self) -> str:
        """Where the REST API is, in the shape of GitHub Enterprise Server."""
        return f"{self.web_url}/api/v3"

    @property
    def app(self) -> App:
        """The App under test."""
        app = self.state.app
        if app is None:
            raise LookupError("this emulated GitHub was started without an App")
        return app

    def repo_api(self, repo: Repository) -> str:
        """The API's URL of a repository."""
        return f"{self.api_url}/repos/{repo.full_name}"

    def repo_web(self, repo: Repository) -> str:
        """The page's URL of a repository."""
        return f"{self.web_url}/{repo.full_name}"


def iso(at: datetime) -> str:
    """Return a time as GitHub writes it: UTC, whole seconds, `Z`."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_or_none(at: datetime | None) -> str | None:
    """Return a time as GitHub writes it, or None."""
    return None if at is None else iso(at)
