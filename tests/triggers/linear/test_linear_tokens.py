"""The app's token at Linear: issued, renewed by one process for all, before it ends or when it is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.emulators.github.faults import Fault
from app.emulators.linear import LinearEmulator
from app.errors import ConfigurationError, ServiceError
from app.ledger.sealed import Sealed
from app.settings import Settings
from tests.app.emulators.github.github_kit import SettableClock
from tests.triggers.linear.conftest import SEED
from triggers import make_conversations
from triggers.linear.connection import LinearConnection
from triggers.linear.oauth import Issued
from triggers.linear.outbound import client, grants
from triggers.linear.tokens import read, written

Connect = Callable[[], LinearConnection]
REDIRECT = "http://127.0.0.1:8300/oauth/linear"


def viewer(connection: LinearConnection) -> str:
    return str(connection.ask("viewer")["viewer"]["name"])


def issued(linear: LinearEmulator, settings: Settings) -> Issued:
    """Return what an admin's agreement brings."""
    with client(settings) as http:
        oauth = grants(settings, http)
        agreed = linear.person("ada").authorize(oauth.authorize_url(REDIRECT, "state", "v" * 43))
        return oauth.by_code(agreed.partition("code=")[2].partition("&")[0], REDIRECT, "v" * 43)


def access_of(keep: Sealed) -> str:
    kept = read(keep.read())
    assert kept is not None
    return kept.access.get_secret_value()


def test_with_client_credentials_nobody_has_to_agree_and_all_processes_have_one_token(linear: LinearEmulator, connected: Connect, keep: Sealed) -> None:
    assert viewer(connected()) == viewer(connected()) == linear.app_user.name
    assert len([each for each in linear.world.state.access_tokens if each != SEED.app.access_token]) == 1


def test_a_token_is_renewed_before_it_ends_and_by_one_process(
    linear: LinearEmulator, connected: Connect, keep: Sealed, settings: Settings, clock: SettableClock
) -> None:
    keep.write(written(issued(linear, settings), clock().timestamp()))
    first, one, other = access_of(keep), connected(), connected()
    assert viewer(one) == viewer(other)
    clock.advance(23.5 * 3600)
    # The refresh token is good once: the second process finds what the first was given.
    assert viewer(one) == viewer(other)
    second = access_of(keep)
    assert second != first
    clock.advance(23.5 * 3600)
    viewer(other)
    viewer(one)
    assert access_of(keep) != second


def test_a_token_that_linear_refuses_is_replaced(linear: LinearEmulator, connected: Connect, keep: Sealed, settings: Settings, clock: SettableClock) -> None:
    keep.write(written(issued(linear, settings), clock().timestamp()))
    connection = connected()
    viewer(connection)
    linear.world.state.access_tokens[access_of(keep)].expires_at = clock()
    assert viewer(connection)


def test_while_linear_gives_no_token_the_present_one_does_until_it_ends(
    linear: LinearEmulator, connected: Connect, keep: Sealed, settings: Settings, clock: SettableClock
) -> None:
    keep.write(written(issued(linear, settings), clock().timestamp()))
    connection = connected()
    clock.advance(23.5 * 3600)
    linear.fault(Fault(path="/oauth/token", status=500, times=1))
    assert viewer(connection)
    clock.advance(0.6 * 3600)
    linear.fault(Fault(path="/oauth/token", drop=True, times=1))
    with pytest.raises(ServiceError) as away:
        viewer(connection)
    assert (away.value.retryable, away.value.reason) == (True, "linear_unreachable")
    # What was not answered has not been used.
    assert viewer(connection)


def test_an_app_that_was_taken_out_is_said_and_can_be_put_in_again(
    linear: LinearEmulator, connected: Connect, keep: Sealed, settings: Settings, clock: SettableClock
) -> None:
    keep.write(written(issued(linear, settings), clock().timestamp()))
    connection = connected()
    viewer(connection)
    linear.revoke_app()
    with pytest.raises(ServiceError) as out:
        viewer(connection)
    assert (out.value.reason, out.value.status) == ("linear_not_connected", 400)
    assert "bellhop linear connect" in str(out.value)
    keep.write(written(issued(linear, settings), clock().timestamp()))
    assert viewer(connection)


def test_no_error_holds_a_token(linear: LinearEmulator, settings: Settings, clock: SettableClock) -> None:
    bodies = (Fault(path="/oauth/token", status=200, body={"access_token": 7, "refresh_token": "lin_refresh_x"}),
              Fault(path="/oauth/token", status=400, body=["lin_refresh_x"]))
    with client(settings) as http:
        for fault in bodies:
            linear.fault(fault)
            with pytest.raises(ServiceError) as wrong:
                grants(settings, http).by_client()
            assert "lin_refresh_x" not in str(wrong.value)
    one = issued(linear, settings)
    assert one.access_token.get_secret_value() not in repr(one) + str(one)
    assert one.access_token.get_secret_value() not in repr(read(written(one, 0)))


def test_linear_that_rings_and_cannot_be_answered_stops_the_worker(settings: Settings, keep: Sealed) -> None:
    def keeps(_name: str, _key: bytes) -> Sealed:
        return keep

    assert set(make_conversations(Settings(), keeps)) == set()
    assert set(make_conversations(settings, keeps)) == {"linear"}
    with pytest.raises(ConfigurationError, match="BELLHOP_LINEAR_CLIENT_SECRET"):
        make_conversations(Settings.model_validate({"linear_webhook_secret": "lin_wh_x"}), keeps)
