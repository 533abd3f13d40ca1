"""Putting the app into a workspace: an address from the command line, an admin who agrees, and the way back to Bellhop's own door."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.commands.doctor_linear import look_at_linear
from app.commands.linear import connect_linear
from app.emulators.linear import LinearEmulator
from app.emulators.linear.grants import Refused
from app.errors import ConfigurationError
from app.ledger.database import Database
from app.ledger.sealed import Sealed
from app.settings import Settings
from tests.app.emulators.github.github_kit import SettableClock
from tests.triggers.linear.conftest import SEED
from triggers import make_returns
from triggers.linear.connect import CONNECTING, WAIT_SECONDS, begin, routes
from triggers.linear.tokens import read


@pytest.fixture
def waiting(ledger: Database) -> Sealed:
    return Sealed(ledger, CONNECTING, SEED.app.client_secret.encode())


@pytest.fixture
def come_back(settings: Settings, keep: Sealed, waiting: Sealed, clock: SettableClock) -> Callable[[str], tuple[int, str]]:
    app = Starlette(routes=routes(settings, keep, waiting, clock=lambda: clock().timestamp()))

    def get(url: str) -> tuple[int, str]:
        answer = TestClient(app).get(f"{urlsplit(url).path}?{urlsplit(url).query}")
        assert answer.headers["cache-control"] == "no-store"
        return answer.status_code, answer.text

    return get


@pytest.fixture
def address(settings: Settings, waiting: Sealed, clock: SettableClock) -> str:
    return begin(settings, waiting, clock=lambda: clock().timestamp())


ComeBack = Callable[[str], tuple[int, str]]


def test_an_admin_agrees_once_and_bellhop_is_the_app(linear: LinearEmulator, address: str, come_back: ComeBack, keep: Sealed) -> None:
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert (asked["actor"], asked["scope"], asked["code_challenge_method"]) == ("app", "read,write,app:assignable,app:mentionable", "S256")
    back = linear.person("ada").authorize(address)
    status, says = come_back(back)
    assert (status, "Connected, as Bellhop in the workspace acme" in says) == (200, True)
    kept = read(keep.read())
    assert kept is not None
    assert kept.refresh.get_secret_value()
    for token in (kept.access, kept.refresh):
        assert token.get_secret_value() not in says
    # The answer counts once.
    assert come_back(back)[0] == 400


@pytest.mark.parametrize("change", ["state=", "state=another", "nothing=1"])
def test_an_answer_that_nobody_waits_for_changes_nothing(linear: LinearEmulator, address: str, come_back: ComeBack, keep: Sealed, change: str) -> None:
    back = urlsplit(linear.person("ada").authorize(address))
    forged = "&".join(part for part in back.query.split("&") if not part.startswith("state=")) + f"&{change}"
    assert come_back(back._replace(query=forged).geturl())[0] == 400
    assert keep.read() == ""
    # A forgery does not use up what waits.
    assert come_back(back.geturl())[0] == 200


def test_an_answer_that_comes_late_or_to_another_wish_changes_nothing(
    linear: LinearEmulator, settings: Settings, waiting: Sealed, address: str, come_back: ComeBack, keep: Sealed, clock: SettableClock
) -> None:
    first = linear.person("ada").authorize(address)
    second = linear.person("ada").authorize(begin(settings, waiting, clock=lambda: clock().timestamp()))
    assert come_back(first)[0] == 400
    clock.advance(WAIT_SECONDS + 1)
    assert come_back(second)[0] == 400
    assert keep.read() == ""


def test_what_linear_refuses_is_said(linear: LinearEmulator, settings: Settings, address: str, come_back: ComeBack, keep: Sealed) -> None:
    status, says = come_back(linear.person("bob").authorize(address))
    assert (status, "access_denied" in says) == (400, True)
    assert keep.read() == ""
    with pytest.raises(Refused):
        linear.person("ada").authorize(address.replace("127.0.0.1%3A8300", "evil.example"))


def test_a_code_that_linear_does_not_know_is_no_connection(address: str, come_back: ComeBack, keep: Sealed) -> None:
    state = parse_qs(urlsplit(address).query)["state"][0]
    status, says = come_back(f"http://127.0.0.1:8300/oauth/linear?state={state}&code=<b>no</b>")
    assert (status, "linear connect" in says, "<b>" in says) == (502, True, False)
    assert keep.read() == ""


def test_the_command_says_what_to_do(settings: Settings, ledger: Database, linear: LinearEmulator) -> None:
    own = settings.model_copy(update={"database_url": str(ledger.url)})
    said = list(connect_linear(own))
    assert "http://127.0.0.1:8300/oauth/linear" in said[0]
    assert said[-1].startswith(f"{linear.url}/oauth/authorize?")
    for missing, setting in ({"public_url": ""}, "BELLHOP_PUBLIC_URL"), ({"linear_client_id": ""}, "BELLHOP_LINEAR_CLIENT_ID"):
        with pytest.raises(ConfigurationError, match=setting):
            list(connect_linear(own.model_copy(update=missing)))
    assert make_returns(Settings(), partial(Sealed, ledger)) == []
    assert len(make_returns(own, partial(Sealed, ledger))) == 1


def test_doctor_says_whom_linear_takes_bellhop_for(settings: Settings, ledger: Database, linear: LinearEmulator) -> None:
    assert [each.verdict for each in look_at_linear(Settings(), {})] == ["off"]
    own = settings.model_copy(update={"database_url": str(ledger.url)})
    found = list(look_at_linear(own, {}))
    assert [each.verdict for each in found] == ["missing", "ok"]
    assert f"Bellhop in the workspace acme (user {linear.app_user.id})" in found[1].what
    found = list(look_at_linear(own.model_copy(update={"linear_webhook_secret": SecretStr("x"), "linear_client_secret": SecretStr("wrong")}), {}))
    assert [each.verdict for each in found] == ["ok", "missing"]
    assert "bellhop linear connect" in found[1].what
