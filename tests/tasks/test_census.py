"""What the webhooks of the emulated GitHub tell of its installations, and what the slow look puts right."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from app.core.roster import Roster
from app.emulators.github import SeedInstallation
from app.emulators.github.faults import Fault
from app.errors import ServiceError
from app.execute.grants.github_app import GitHubApp
from app.ledger import repositories
from tasks.keeping.census import count_repositories
from tasks.parts import Parts
from tests.tasks.scene import Scene
from triggers.github.parse import parse


@pytest.fixture
def parts(without_gateway: Scene, minter: GitHubApp) -> Parts:
    return replace(without_gateway.parts, census=minter)


def names(parts: Parts) -> list[str]:
    with parts.database.read() as tx:
        return [each.full_name for each in repositories.known(tx)]


def heard(scene: Scene) -> None:
    """Take in what the App's webhooks have told, as the intake does."""
    for each in scene.github.deliveries:
        news = parse(each.event, each.guid, json.loads(each.body))
        if isinstance(news, Roster):
            with scene.database.begin() as tx:
                repositories.hear(tx, news)


def test_the_first_look_finds_what_no_webhook_has_told(without_gateway: Scene, parts: Parts) -> None:
    count_repositories(parts, "here")
    assert "octo/hello" in names(parts)
    assert without_gateway.github.live_tokens() == []
    # It is not due again, for hours.
    without_gateway.github.rename_repository("octo/hello", "welcome")
    count_repositories(parts, "here")
    assert "octo/hello" in names(parts)


def test_webhooks_keep_it_true_in_between(without_gateway: Scene, parts: Parts) -> None:
    github = without_gateway.github
    count_repositories(parts, "here")
    github.rename_repository("octo/hello", "welcome")
    heard(without_gateway)
    assert "octo/welcome" in names(parts)
    github.archive("octo/welcome")
    heard(without_gateway)
    assert "octo/welcome" not in names(parts)
    github.archive("octo/welcome", archived=False)
    heard(without_gateway)
    assert "octo/welcome" in names(parts)
    github.cover(55, "octo/welcome", covered=False)
    heard(without_gateway)
    assert "octo/welcome" not in names(parts)
    github.uninstall(55)
    heard(without_gateway)
    assert names(parts) == []
    github.install(SeedInstallation(account="octo", id=55))
    heard(without_gateway)
    assert names(parts) == []  # its news does not say the default branches: a look does


def test_a_look_that_fails_leaves_what_is_known(without_gateway: Scene, parts: Parts) -> None:
    with parts.database.begin() as tx:
        repositories.replace(tx, "github", [(55, ())])
    without_gateway.github.fault(Fault(path="/installation/repositories", status=502))
    with pytest.raises(ServiceError):
        count_repositories(parts, "here")
    assert names(parts) == []
    assert without_gateway.github.live_tokens() == []
