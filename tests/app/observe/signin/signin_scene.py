"""What the tests of signing in share."""

from __future__ import annotations

from typing import NamedTuple

from app.emulators.github import GitHubEmulator
from app.ledger.database import Database
from tests.app.emulators.github.browser import Browser

SECRET = "emulated-client-secret"


class Scene(NamedTuple):
    """`runs` are the ids of runs by the repository that each is in."""

    github: GitHubEmulator
    database: Database
    url: str
    runs: dict[str, str]

    def browser(self, login: str = "") -> Browser:
        return Browser(self.github, login)
