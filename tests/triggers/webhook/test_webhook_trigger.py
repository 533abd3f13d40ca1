"""A delivery at a profile's webhook is proven before anything of it is read, and names nothing that the profile does not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.core.event import Event
from app.core.profile import Profile, faults
from app.core.ringing.webhook_source import WebhookSource
from app.errors import ConfigurationError, DeliveryRefused
from app.settings import Settings
from triggers import make_triggers
from triggers.webhook.trigger import BODY_LIMIT_BYTES, WebhookTrigger

# The vector of the specification's own libraries.
# https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/python/tests/test_webhooks.py
VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR_BODY = b'{"test": 2432232314}'
VECTOR_AT = 1614265330
VECTOR = [
    (b"webhook-id", b"msg_p5jXN8AQM9LWM0D4loKWxJek"), (b"webhook-timestamp", b"1614265330"),
    (b"webhook-signature", b"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
]
PLAIN = "sixteen-bytes-and-more"

Headers = list[tuple[bytes, bytes]]


def hook(**members: Any) -> WebhookSource:
    return WebhookSource.model_validate({
        "name": "till", "auth": "standard", "repository": "octo/till", "prompt": "Look at {{ test }}.", **members,
    })


def trigger(secrets: Sequence[str] = (VECTOR_SECRET,), at: float = VECTOR_AT, **members: Any) -> WebhookTrigger:
    return WebhookTrigger("fix", hook(**members), [SecretStr(one) for one in secrets], clock=lambda: at)


def refused(made: WebhookTrigger, headers: Headers, body: bytes = VECTOR_BODY) -> tuple[int, str]:
    with pytest.raises(DeliveryRefused) as found:
        made.receive(headers, body)
    return found.value.status, found.value.reason


def without(name: bytes) -> Headers:
    return [header for header in VECTOR if header[0] != name]


def with_(name: bytes, value: bytes) -> Headers:
    return [*without(name), (name, value)]


def by(algorithm: str, encoding: str) -> Any:
    return {"auth": "hmac", "hmac": {"header": "X-Sum", "algorithm": algorithm, "encoding": encoding, "prefix": "v1="}}


def test_the_specifications_vector_is_taken() -> None:
    event = trigger().receive(VECTOR, VECTOR_BODY)
    assert isinstance(event, Event)
    assert event.delivery_key == "till/msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert (event.text, event.repo.full_name, event.repo.is_looked_up) == ("Look at 2432232314.", "octo/till", False)
    old = "whsec_" + base64.b64encode(b"another key of 24 bytes!").decode()
    assert trigger([old, VECTOR_SECRET]).receive(VECTOR, VECTOR_BODY) == event
    several = with_(b"webhook-signature", b"v1a,abc v1,zzz " + VECTOR[2][1])
    assert trigger().receive(several, VECTOR_BODY) == event


@pytest.mark.parametrize(("headers", "body", "says"), [
    (without(b"webhook-signature"), VECTOR_BODY, (401, "signature_missing")),
    (without(b"webhook-id"), VECTOR_BODY, (401, "signature_missing")),
    (without(b"webhook-timestamp"), VECTOR_BODY, (401, "signature_missing")),
    (with_(b"webhook-signature", b""), VECTOR_BODY, (401, "signature_missing")),
    (with_(b"webhook-signature", b"g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="), VECTOR_BODY, (401, "signature_mismatch")),
    (with_(b"webhook-signature", b"v1,\xff\xfe"), VECTOR_BODY, (401, "signature_mismatch")),
    (VECTOR, VECTOR_BODY + b" ", (401, "signature_mismatch")),
    (VECTOR, b"not json", (401, "signature_mismatch")),
    (with_(b"webhook-id", b"msg_another"), VECTOR_BODY, (401, "signature_mismatch")),
    (with_(b"webhook-timestamp", b"1614265331"), VECTOR_BODY, (401, "signature_mismatch")),
    (with_(b"webhook-timestamp", b"yesterday"), VECTOR_BODY, (400, "bad_timestamp")),
    (with_(b"webhook-timestamp", b"-5"), VECTOR_BODY, (400, "bad_timestamp")),
    (with_(b"webhook-timestamp", "١٦١".encode()), VECTOR_BODY, (400, "bad_timestamp")),
    (with_(b"webhook-timestamp", b"9" * 400), VECTOR_BODY, (400, "bad_timestamp")),
    (with_(b"webhook-id", b"a.b"), VECTOR_BODY, (400, "header_missing")),
    ([*VECTOR, VECTOR[2]], VECTOR_BODY, (400, "header_repeated")),
], ids=range(16))
def test_t1_a_standard_signature_that_is_not_exactly_right_is_refused(headers: Headers, body: bytes, says: tuple[int, str]) -> None:
    assert refused(trigger(), headers, body) == says


@pytest.mark.parametrize(("offset", "is_taken"), [(300, True), (-300, True), (301, False), (-301, False)])
def test_t3_what_was_signed_long_ago_or_for_later_is_refused(offset: int, *, is_taken: bool) -> None:
    made = trigger(at=VECTOR_AT + offset)
    if is_taken:
        assert isinstance(made.receive(VECTOR, VECTOR_BODY), Event)
    else:
        assert refused(made, VECTOR) == (401, "stale")


@pytest.mark.parametrize(("algorithm", "encoding"), [("sha256", "hex"), ("sha256", "base64"), ("sha512", "hex"), ("sha512", "base64")])
def test_t1_an_hmac_that_is_not_exactly_right_is_refused(algorithm: str, encoding: str) -> None:
    made = trigger([PLAIN], **by(algorithm, encoding))
    digest = hmac.new(PLAIN.encode(), VECTOR_BODY, getattr(hashlib, algorithm)).digest()
    good = digest.hex().encode() if encoding == "hex" else base64.b64encode(digest)
    assert isinstance(made.receive([(b"x-sum", b"v1=" + good)], VECTOR_BODY), Event)
    assert isinstance(made.receive([(b"x-sum", b"v1=old, v1=" + good)], VECTOR_BODY), Event)
    for wrong in (good, b"v0=" + good, b"v1=" + good[:-1], b"v1=", b"v1=" + good + b"\xff"):
        assert refused(made, [(b"x-sum", wrong)]) == (401, "signature_mismatch")
    assert refused(made, [(b"x-sum", b"v1=" + good)], VECTOR_BODY + b" ") == (401, "signature_mismatch")
    assert refused(made, []) == (401, "signature_missing")


@pytest.mark.parametrize("given", ["Bearer wrong", "Basic sixteen-bytes-and-more", "sixteen-bytes-and-more", "Bearer", "Bearer sixteen-bytes-and-mor\xe9"])
def test_t1_a_bearer_token_that_is_not_the_secret_is_refused(given: str) -> None:
    made = trigger([PLAIN], auth="bearer")
    assert refused(made, [(b"authorization", given.encode("latin-1"))]) == (401, "signature_mismatch")
    assert refused(made, VECTOR) == (401, "signature_missing")
    assert isinstance(made.receive([(b"authorization", f"Bearer {PLAIN}".encode())], VECTOR_BODY), Event)


@pytest.mark.parametrize(("secrets", "auth"), [([], "bearer"), (["short"], "bearer"), (["whsec_c2hvcnQ="], "standard"), (["whsec_***"], "standard")])
def test_t5_a_webhook_without_a_secret_worth_the_name_does_not_start(secrets: list[str], auth: str) -> None:
    with pytest.raises(ConfigurationError) as found:
        trigger(secrets, auth=auth)
    assert "c2hvcnQ" not in str(found.value)


def test_t5_bellhop_does_not_start_with_a_webhook_that_anybody_could_ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = Profile.model_validate({"name": "fix", "on": {"webhook": hook().model_dump(by_alias=True)}, "agent": {"uses": "mini"}})
    settings = Settings(github_webhook_secret=SecretStr("x"), webhook_secrets_dir=tmp_path)
    with pytest.raises(ConfigurationError, match="BELLHOP_WEBHOOK_SECRET_TILL"):
        make_triggers(settings, {"fix": profile})
    (tmp_path / "till").write_text(f"{VECTOR_SECRET}\n")
    assert set(make_triggers(settings, {"fix": profile})) == {"github", "webhook/till"}
    (tmp_path / "till").unlink()
    monkeypatch.setenv("BELLHOP_WEBHOOK_SECRET_TILL", VECTOR_SECRET)
    assert set(make_triggers(settings, {"fix": profile})) == {"github", "webhook/till"}


def test_t6_a_body_larger_than_a_service_sends_is_refused_and_not_read() -> None:
    assert refused(trigger([PLAIN], auth="bearer"), [(b"authorization", f"Bearer {PLAIN}".encode())], b"[" * (BODY_LIMIT_BYTES + 1)) == (413, "body_too_large")


def test_t3_a_delivery_again_is_the_same_happening() -> None:
    made, headers = trigger([PLAIN], auth="bearer"), [(b"authorization", f"Bearer {PLAIN}".encode())]
    first, again, other = (made.receive(headers, body) for body in (VECTOR_BODY, VECTOR_BODY, b'{"test": 1}'))
    assert first == again
    assert isinstance(first, Event)
    assert isinstance(other, Event)
    assert first.delivery_key != other.delivery_key
    named = trigger([PLAIN], auth="bearer", id="test")
    assert named.receive(headers, b'{"test": 1, "sent": 2}') == named.receive(headers, b'{"test": 1, "sent": 3}')


def test_t25_a_payload_names_no_repository_but_by_the_profiles_table() -> None:
    made = trigger(repository=None, repositories={"field": "project", "of": {"7": "octo/till"}})
    found = made.read("", "x", b'{"test": 1, "project": 7, "repository": "evil/repo"}')
    assert isinstance(found, Event)
    assert found.repo.full_name == "octo/till"
    assert not isinstance(made.read("", "x", b'{"test": 1, "project": "evil/repo"}'), Event)
    with pytest.raises(DeliveryRefused):
        made.read("", "x", b'{"test": 1}')


@pytest.mark.parametrize(("prompt", "payload"), [
    ("{{ missing }}", {}), ("{{ a.__class__ }}", {"a": "x"}), ("{{ a.__class__.__mro__ }}", {"a": "x"}), ("{{ a.append(1) }}", {"a": []}),
    ("{{ a.b }}", {"a": {}}), ("{{ a / 0 }}", {"a": 1}), ("{% for b in range(99999999) %}x{% endfor %}", {}), ("{{ ''.join.__globals__ }}", {}),
    ("{{ 'x' * a }}", {"a": 10**12}), ("{{ a ** a }}", {"a": 10**6}), ("{{ [a] * b }}", {"a": 1, "b": 10**12}),
    ("{{ ('%' ~ a ~ 'd') % 1 }}", {"a": 10**12}), ("{{ a.ljust(b) }}", {"a": "x", "b": 10**12}), ("{{ a.format(1) }}", {"a": "{:>1000000000000}"}),
    ("{% for b in a %}{% for c in a %}{% if c == b %}{% endif %}{% endfor %}{% endfor %}", {"a": [0] * 1000}), ("{{ a | dictsort }}", {"a": [1]}),
], ids=range(16))
def test_a_template_reaches_nothing_but_the_payload(prompt: str, payload: dict[str, Any]) -> None:
    body = json.dumps(payload).encode()
    with pytest.raises(DeliveryRefused, match="does not fit this payload"):
        trigger(prompt=prompt).read("", "x", body)


def test_t6_a_payload_is_no_reason_for_a_crash_or_for_what_no_database_holds() -> None:
    found = trigger(prompt="{{ a }}", url="a", title="{{ a }}", id="a", thread="a").read("", "x", rb'{"a": "https://till.example/\ud800"}')
    assert isinstance(found, Event)
    assert found.url == ""
    assert Event.model_validate_json(found.model_dump_json()) == found


def test_a_template_makes_no_more_than_a_prompt_may_have() -> None:
    found = trigger(prompt="{% for a in all %}{% for b in all %}{{ a }}{% endfor %}{% endfor %}").read("", "x", json.dumps({"all": ["word"] * 5000}).encode())
    assert isinstance(found, Event)
    assert len(found.text) == 32_000
    assert found.text.endswith("[cut here by Bellhop: it was longer]")


@pytest.mark.parametrize(("members", "way"), [
    ({"auth": "hmac"}, ("hmac",)), ({"hmac": {"header": "X"}}, ("hmac",)), ({"repository": None}, ("repository",)),
    ({"repositories": {"field": "a", "of": {}}}, ("repository",)), ({"prompt": "{{ a"}, ("prompt",)), ({"prompt": " "}, ("prompt",)),
    ({"title": "{% if %}"}, ("title",)), ({"where": [{"field": "a"}]}, ("where", 0)), ({"prompt": "{{ a | format(1) }}"}, ("prompt",)),
], ids=range(9))
def test_a_webhook_that_would_never_work_is_a_fault(members: dict[str, Any], way: tuple[str | int, ...]) -> None:
    made = hook().model_dump(by_alias=True) | members
    profile = Profile.model_validate({"name": "fix", "on": {"webhook": made}, "agent": {"uses": "mini"}, "container": {"isolation": "process"}})
    assert [found for found, _ in faults(profile)] == [("on", "webhook", *way)]


def test_a_webhook_for_a_repository_that_the_profile_leaves_out_is_a_fault() -> None:
    profile = Profile.model_validate({
        "name": "fix", "on": {"webhook": hook().model_dump(by_alias=True)}, "agent": {"uses": "mini"}, "container": {"isolation": "process"},
        "repositories": ["octo/other"],
    })
    assert [way for way, _ in faults(profile)] == [("repositories",)]
