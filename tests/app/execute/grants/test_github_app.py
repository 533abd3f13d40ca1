"""Minting at an emulated GitHub that is as strict as the real one (T49, T50)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from pydantic import SecretStr

from app.core.event import Repo
from app.core.grant import Grant
from app.emulators.github import Fault, GitHubEmulator
from app.errors import ConfigurationError, GrantRefused, ServiceError
from app.execute.grants.github_app import GitHubApp, fingerprint
from app.execute.grants.private_key import load_private_key
from app.settings import Settings
from tests.github_at_work import APP_ID, REPO, SECRET_REPO, any_credential, hearing, make_certificate

MINT = r"/access_tokens$"


def grant(repo: Repo = REPO, **permissions: str) -> Grant:
    return Grant.model_validate({"purpose": "reply", "repo": repo, "permissions": permissions or {"issues": "write"}})


def refusal(minter: GitHubApp, wanted: Grant) -> str:
    with pytest.raises(GrantRefused) as refused:
        minter.mint(wanted)
    assert not refused.value.retryable
    return refused.value.reason


def test_t49_a_token_is_for_one_repository_and_nothing_that_is_not_named(
    minter: GitHubApp, github: GitHubEmulator
) -> None:
    credential = minter.mint(grant(contents="read"))
    (token,) = github.live_tokens()
    assert token.value == credential.token.get_secret_value()
    assert token.repository_ids == {1001}
    assert token.permissions == {"contents": "read", "metadata": "read"}
    assert credential.grant == grant(contents="read")
    assert credential.expires_at.endswith("Z")


def test_the_long_form_of_token_is_taken_whole_and_does_not_print(minter: GitHubApp) -> None:
    credential = minter.mint(grant())
    token = credential.token.get_secret_value()
    assert len(token) > 400
    assert token not in repr(credential)
    assert token not in credential.model_dump_json()
    assert credential.id == fingerprint(token)
    assert credential.id[4:] not in token


def test_the_request_can_be_shown_without_a_secret(minter: GitHubApp) -> None:
    assert minter.request(grant(contents="read")) == {
        "repository_ids": [1001], "permissions": {"metadata": "read", "contents": "read"},
    }


def test_t50_a_revoked_token_is_dead_and_revoking_twice_is_no_error(minter: GitHubApp, github: GitHubEmulator) -> None:
    credential = minter.mint(grant())
    minter.revoke(credential)
    assert github.live_tokens() == []
    minter.revoke(credential)
    minter.revoke(any_credential())


def test_an_installation_that_is_not_known_is_looked_up(minter: GitHubApp, github: GitHubEmulator) -> None:
    minter.mint(grant(REPO.model_copy(update={"installation_id": None})))
    assert len(github.live_tokens()) == 1


def test_t49_what_the_installation_does_not_hold_is_refused(minter: GitHubApp, github: GitHubEmulator) -> None:
    assert refusal(minter, grant(workflows="write")) == "grant_exceeds_installation"
    assert refusal(minter, grant(SECRET_REPO)) == "grant_exceeds_installation"
    assert refusal(minter, grant(SECRET_REPO.model_copy(update={"installation_id": None}))) == "app_not_installed"
    assert refusal(minter, grant(REPO.model_copy(update={"installation_id": 9}))) == "app_not_installed"
    assert github.live_tokens() == []


def test_r30_a_suspended_or_removed_installation_is_refused(minter: GitHubApp, github: GitHubEmulator) -> None:
    github.suspend(55)
    assert refusal(minter, grant()) == "app_forbidden"
    github.uninstall(55)
    assert refusal(minter, grant()) == "app_not_installed"


def test_a_key_or_an_id_of_another_app_is_refused_with_advice(github: GitHubEmulator, app_key: RSAPrivateKey) -> None:
    other = generate_private_key(public_exponent=65537, key_size=2048)
    for app_id, key in ((APP_ID, other), ("4712", app_key)):
        minter = GitHubApp(app_id=app_id, private_key=key, api_url=github.api_url)
        with pytest.raises(GrantRefused):
            minter.mint(grant())
        minter.close()


@pytest.mark.parametrize("skew_seconds", [-30, 0, 45])
def test_r31_the_jwt_lives_within_githubs_ten_minutes(
    github: GitHubEmulator, app_key: RSAPrivateKey, skew_seconds: float
) -> None:
    minter = GitHubApp(
        app_id=APP_ID, private_key=app_key, api_url=github.api_url, clock=lambda: time.time() + skew_seconds
    )
    minter.mint(grant())
    minter.close()


def test_r31_a_clock_ten_minutes_ahead_is_told_as_such(github: GitHubEmulator, app_key: RSAPrivateKey) -> None:
    minter = GitHubApp(app_id=APP_ID, private_key=app_key, api_url=github.api_url, clock=lambda: time.time() + 600)
    with pytest.raises(GrantRefused, match="clock"):
        minter.mint(grant())
    minter.close()


def answer(**changes: Any) -> dict[str, Any]:
    return {
        "token": "ghs_" + "t" * 40, "expires_at": "2026-01-01T00:00:00Z", "repository_selection": "selected",
        "permissions": {"issues": "write", "metadata": "read"}, "repositories": [{"id": 1001}], **changes,
    }


@pytest.mark.parametrize("changes", [
    {"permissions": {"issues": "write", "metadata": "read", "contents": "write"}},
    {"permissions": {"issues": "read", "metadata": "read"}},
    {"permissions": None},
    {"repository_selection": "all"},
    {"repositories": [{"id": 1001}, {"id": 1002}]},
    {"repositories": [{"id": 1002}]},
], ids=str)
def test_t49_a_token_that_is_not_what_was_asked_is_revoked(
    app_key: RSAPrivateKey, changes: dict[str, Any]
) -> None:
    with hearing(answer(**changes), 201) as heard:
        minter = GitHubApp(app_id=APP_ID, private_key=app_key, api_url=f"http://127.0.0.1:{heard.port}/api/v3")
        # The double answers the revocation with 201 too, which is not what GitHub says.
        with pytest.raises(GrantRefused, match="could not be revoked"):
            minter.mint(grant())
        minter.close()
    method, path, headers, _ = heard.requests[-1]
    assert (method, path) == ("DELETE", "/api/v3/installation/token")
    assert headers["authorization"] == "Bearer ghs_" + "t" * 40


def test_a_token_granted_beyond_the_request_is_refused(minter: GitHubApp, github: GitHubEmulator) -> None:
    github.fault(Fault(path=MINT, status=201, body=answer(repository_selection="all")))
    with pytest.raises(GrantRefused, match="was revoked") as refused:
        minter.mint(grant())
    assert refused.value.reason == "grant_differs"


@pytest.mark.parametrize("body", [answer(token=""), answer(token=None), answer(token="a b"), answer(token="a\nb"), [], "x", None])
def test_an_answer_without_a_token_is_no_token(minter: GitHubApp, github: GitHubEmulator, body: Any) -> None:
    github.fault(Fault(path=MINT, status=201, body=body))
    with pytest.raises(ServiceError, match="minting"):
        minter.mint(grant())


def test_what_is_sent_is_exactly_the_request_and_a_jwt(app_key: RSAPrivateKey) -> None:
    with hearing(answer(), 201) as heard:
        minter = GitHubApp(
            app_id=APP_ID, private_key=app_key, api_url=f"http://127.0.0.1:{heard.port}/", clock=lambda: 1_700_000_000.7
        )
        minter.mint(grant())
        minter.close()
    ((method, path, headers, body),) = heard.requests
    assert (method, path) == ("POST", "/app/installations/55/access_tokens")
    assert body == b'{"repository_ids":[1001],"permissions":{"metadata":"read","issues":"write"}}'
    claims = jwt.decode(
        headers["authorization"].removeprefix("Bearer "), app_key.public_key(), algorithms=["RS256"],
        options={"verify_exp": False},
    )
    assert claims == {"iss": APP_ID, "iat": 1_700_000_000 - 60, "exp": 1_700_000_000 + 480}


@pytest.mark.parametrize(("fault", "reason", "status", "wait_seconds"), [
    ({"status": 502}, "github_down", 502, None),
    ({"status": 503, "body": {"message": "x"}}, "github_down", 503, None),
    ({"status": 429, "headers": {"retry-after": "7"}}, "github_rate_limited", 429, 7.0),
    ({"status": 403, "body": {"message": "You have exceeded a secondary rate limit"}}, "github_rate_limited", 403, 60.0),
    ({"drop": True}, "github_unreachable", 0, None),
])
def test_r25_r26_what_may_work_later_is_retryable(
    minter: GitHubApp, github: GitHubEmulator, fault: dict[str, Any], reason: str, status: int, wait_seconds: float | None
) -> None:
    github.fault(Fault(path=MINT, **fault))
    with pytest.raises(ServiceError) as failed:
        minter.mint(grant())
    error = failed.value
    assert (error.reason, error.status, error.retry_after_seconds, error.retryable) == (reason, status, wait_seconds, True)
    minter.mint(grant())


def test_a_revocation_that_does_not_arrive_is_said(minter: GitHubApp, github: GitHubEmulator) -> None:
    credential = minter.mint(grant())
    github.fault(Fault(path=r"/installation/token$", status=500))
    with pytest.raises(ServiceError) as failed:
        minter.revoke(credential)
    assert credential.token.get_secret_value() not in str(failed.value)


def test_the_proxy_is_used_and_the_environment_is_not(app_key: RSAPrivateKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with hearing(answer(), 201) as heard:
        for api_url, proxy in (
            ("http://github.invalid/api/v3", f"http://127.0.0.1:{heard.port}"),
            (f"http://127.0.0.1:{heard.port}/api/v3", None),
        ):
            minter = GitHubApp(app_id=APP_ID, private_key=app_key, api_url=api_url, proxy=proxy)
            minter.mint(grant())
            minter.close()
    assert [path for _, path, _, _ in heard.requests] == [
        "http://github.invalid/api/v3/app/installations/55/access_tokens", "/api/v3/app/installations/55/access_tokens",
    ]


def test_the_ca_bundle_decides_whom_to_trust(app_key: RSAPrivateKey, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path / "server.pem", app_key)
    with hearing(answer(), 201, certificate) as heard:
        url = f"https://127.0.0.1:{heard.port}"
        trusting = GitHubApp(app_id=APP_ID, private_key=app_key, api_url=url, ca_bundle=certificate)
        trusting.mint(grant())
        trusting.close()
        doubting = GitHubApp(app_id=APP_ID, private_key=app_key, api_url=url)
        with pytest.raises(ServiceError, match="BELLHOP_CA_BUNDLE"):
            doubting.mint(grant())
        doubting.close()
    with pytest.raises(ConfigurationError, match="BELLHOP_CA_BUNDLE"):
        GitHubApp(app_id=APP_ID, private_key=app_key, api_url=url, ca_bundle=tmp_path / "missing.pem")


def pem(key: RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes | None = None) -> str:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


def test_the_key_comes_from_text_or_file(app_key: RSAPrivateKey, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(pem(app_key))
    numbers = app_key.private_numbers()
    assert load_private_key(SecretStr(""), file).private_numbers() == numbers
    assert load_private_key(SecretStr(pem(app_key)), None).private_numbers() == numbers
    assert load_private_key(SecretStr(pem(app_key).replace("\n", "\\n")), None).private_numbers() == numbers


def test_a_key_that_will_not_do_is_refused_with_advice_and_not_shown(app_key: RSAPrivateKey, tmp_path: Path) -> None:
    wrong = [pem(app_key, b"pw"), pem(ec.generate_private_key(ec.SECP256R1())), pem(app_key)[:400], "not a key"]
    for text in wrong:
        with pytest.raises(ConfigurationError, match="settings page") as refused:
            load_private_key(SecretStr(text), None)
        assert text[-60:-30] not in str(refused.value) or not text[-60:-30]
    for file in (None, tmp_path / "missing.pem", tmp_path):
        with pytest.raises(ConfigurationError, match="BELLHOP_GITHUB_PRIVATE_KEY_FILE"):
            load_private_key(SecretStr(""), file)


def test_from_settings(app_key: RSAPrivateKey, github: GitHubEmulator) -> None:
    settings = Settings(
        github_app_id=f" {APP_ID} ", github_private_key=SecretStr(pem(app_key)), github_api_url=github.api_url
    )
    minter = GitHubApp.from_settings(settings)
    minter.mint(grant())
    minter.close()
    with pytest.raises(ConfigurationError, match="BELLHOP_GITHUB_APP_ID"):
        GitHubApp.from_settings(settings.model_copy(update={"github_app_id": ""}))


def test_httpx_logs_no_token(minter: GitHubApp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    credential = minter.mint(grant())
    minter.revoke(credential)
    assert httpx.__name__ in caplog.text
    assert credential.token.get_secret_value() not in caplog.text
