"""`bellhop identity`: the operator says whose account it is, by ids, and GitHub is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from pydantic import SecretStr

from app.commands.identity import link_account, list_links, unlink_account
from app.emulators.github import GitHubEmulator
from app.errors import BellhopError
from app.ledger import schema
from app.ledger.database import Database
from app.settings import Settings
from tests.github_at_work import APP_ID

ACCOUNT = "T061EG9R6/U2147483697"


@pytest.fixture
def settings(github: GitHubEmulator, app_key: RSAPrivateKey, tmp_path: Path) -> Settings:
    key = app_key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    made = Settings(state_dir=tmp_path, github_api_url=github.api_url, github_app_id=APP_ID, github_private_key=SecretStr(key))
    database = Database(made.ledger_url)
    schema.upgrade(database)
    database.close()
    return made


def test_a_link_is_made_by_ids_listed_and_taken_away(settings: Settings, github: GitHubEmulator) -> None:
    assert list(list_links(settings)) == ["nobody is linked"]
    assert "alice (id 101)" in link_account(settings, "slack", ACCOUNT, "Alice")
    assert "carol (id 103)" in link_account(settings, "linear", "9cfb482a-81e3-4154-b5b9-2c805e70a02d", "103")
    assert [each.split(":")[0] for each in list_links(settings)] == ["linear 9cfb482a-81e3-4154-b5b9-2c805e70a02d", f"slack {ACCOUNT}"]
    unlink_account(settings, "slack", ACCOUNT)
    assert len(list(list_links(settings))) == 1
    assert github.live_tokens() == []


@pytest.mark.parametrize(("source", "account", "github_name"), [
    ("slack", "alice", "alice"), ("slack", "@alice", "alice"), ("teams", ACCOUNT, "alice"), ("slack", ACCOUNT, "nobody-is-called-that"), ("slack", ACCOUNT, "../users/alice"),
    ("slack", ACCOUNT, "octo"),
], ids=["name", "mention", "service", "nobody", "path", "organisation"])
def test_t17_names_and_nobodies_are_refused(settings: Settings, source: str, account: str, github_name: str) -> None:
    with pytest.raises(BellhopError):
        link_account(settings, source, account, github_name)
    assert list(list_links(settings)) == ["nobody is linked"]
