"""What passes `/registry`, what does not, and where a token goes: against a strict registry over HTTP."""

from __future__ import annotations

import hashlib
import json

import pytest
import structlog

from app.core.sandbox.door import DoorRules
from app.ledger import audit
from app.ledger.audit import AuditRow
from tests.app.execute.gateway.house import House, eventually
from tests.app.execute.gateway.registry.conftest import NAMES
from tests.app.execute.gateway.registry.fake_registry import TOKEN, FakeRegistry

ALL = DoorRules(registries=(*NAMES, "secret", "secret-npm"))


def denials(house: House, sandbox: str) -> list[str]:
    return [row.step.text for row in house.steps(sandbox) if row.step.kind == "denied"]


def audited(house: House, sandbox: str) -> list[AuditRow]:
    with house.database.read() as tx:
        return audit.of_run(tx, sandbox.partition("-")[0])


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "html"])
def test_a_wheel_is_found_by_its_page_and_comes_through_the_door(
    house: House, sandbox: str, registry: FakeRegistry, as_json: bool
) -> None:
    path = registry.add_wheel("hello", "1.0", "hi", as_json=as_json)
    door = house.door(sandbox)
    page = door.get("/registry/pypi/simple/hello/", headers={"accept": "application/vnd.pypi.simple.v1+json", "host": "127.0.0.1:4117"})
    assert page.status_code == 200
    there = "http://127.0.0.1:4117/registry/pypi/files/1/packages/hello/hello-1.0-py3-none-any.whl"
    assert there in page.text
    assert registry.url not in page.text
    came = door.get(there.removeprefix("http://127.0.0.1:4117"))
    assert came.content == registry.files[path][1]
    assert f"sha256={hashlib.sha256(came.content).hexdigest()}" in page.text or hashlib.sha256(came.content).hexdigest() in page.text


def test_a_page_that_has_not_changed_is_not_sent_again(house: House, sandbox: str, registry: FakeRegistry) -> None:
    registry.add_npm("left", "1.0.0", "hi")
    door = house.door(sandbox)
    first = door.get("/registry/npm/left")
    again = door.get("/registry/npm/left", headers={"if-none-match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


def test_nothing_of_the_client_reaches_the_registry_but_what_it_wants(
    house: House, sandbox: str, registry: FakeRegistry
) -> None:
    """T56: an attacker's own account, cookies and chatter stay inside."""
    registry.add_npm("left", "1.0.0", "hi")
    answer = house.door(sandbox).get("/registry/npm/left", headers={
        "authorization": "Bearer attackers-own", "cookie": "a=attackers-own", "x-api-key": "attackers-own", "npm-otp": "attackers-own",
        "user-agent": "attackers-own", "referer": "attackers-own", "accept": "attackers-own", "range": "bytes=0-1",
        "accept-language": "attackers-own", "proxy-authorization": "attackers-own"})
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    [asked] = registry.asked
    assert "attackers-own" not in str(asked)
    assert set(asked.headers) == {"host", "user-agent", "accept", "accept-encoding"}


WRITES = (
    ("PUT", "/registry/npm/left"), ("POST", "/registry/pypi/legacy/"), ("POST", "/registry/npm/-/npm/v1/security/advisories/bulk"),
    ("PUT", "/registry/npm/-/user/org.couchdb.user:eve"), ("PUT", "/registry/crates/api/v1/crates/new"),
    ("DELETE", "/registry/npm/left/-rev/1"), ("POST", "/registry/npm/-/v1/login"), ("PATCH", "/registry/go/x"),
    ("OPTIONS", "/registry/npm/left"),
)


def test_t56_publishing_and_whatever_else_writes_is_refused_and_seen(house: House, sandbox: str, registry: FakeRegistry) -> None:
    for method, path in WRITES:
        answer = house.door(sandbox).request(method, path, content=b"a stolen secret" if method != "OPTIONS" else b"")
        assert (answer.status_code, answer.json()["reason"]) == (403, "bellhop_refused"), path
    assert registry.asked == []
    assert denials(house, sandbox) == [f"{method} {path}: registries are read from only" for method, path in WRITES]


OTHER_PATHS = (
    "/registry/npm/-/v1/search?text=secret", "/registry/npm/-/whoami", "/registry/npm/-/npm/v1/tokens", "/registry/pypi/simple/",
    "/registry/npm/left?secret=1", "/registry/pypi/simple/%2e%2e/", "/registry/pypi/simple/a%2fb/", "/registry/pypi/files/1/../x.whl",
    "/registry/pypi/files/1/%2e%2e/x.whl", "/registry/pypi/files/0/x", "/registry/debian/dists/other/Release", "/registry/pypi/files/1//x.whl",
    "/registry/debian/etc/passwd", "/registry/crates/index/xx/yy/hello", "/registry/crates/api/v1/crates", "/registry/go/x/@v/../list",
    "/registry/go/github.com/x/y/secret", "/registry/npm/left%00", "/registry/npm/left%5c", "/registry/npm/l%C3%A9ft",
    "/registry/npm/@a%2fb%2fc", "/registry/npm/%6ceft", "/%72egistry/npm/left", "/registry/npm//evil.example/left",
)


def test_any_other_path_is_refused_and_seen(house: House, sandbox: str, registry: FakeRegistry) -> None:
    for path in OTHER_PATHS:
        sent = f"GET {path} HTTP/1.1\r\nhost: door\r\nconnection: close\r\n\r\n".encode()
        assert house.raw(sandbox, sent).startswith(b"HTTP/1.1 403 "), path
    assert registry.asked == []
    assert len(denials(house, sandbox)) == len(OTHER_PATHS)


def test_an_address_in_full_is_no_way_elsewhere(house: House, sandbox: str, registry: FakeRegistry) -> None:
    for target in (f"{registry.url}/npm/left", "http://door/registry/npm/left"):
        assert house.raw(sandbox, f"GET {target} HTTP/1.1\r\nhost: door\r\nconnection: close\r\n\r\n".encode()).split()[1] in (b"403", b"404")
    assert registry.asked == []


def test_only_registries_that_the_profile_names_are_served(house: House, registry: FakeRegistry) -> None:
    registry.add_npm("left", "1.0.0", "hi")
    nothing = house.sandbox()
    assert house.door(nothing).get("/registry/npm/left").status_code == 403
    some = house.sandbox(door=DoorRules(registries=("pypi", "gone")))
    assert house.door(some).get("/registry/npm/left").status_code == 403
    assert house.door(some).get("/registry/gone/left").json()["reason"] == "bellhop_no_registry"
    assert denials(house, nothing) == ["GET /registry/npm/left: the profile does not name this registry"]
    assert registry.asked == []


def test_a_private_registry_gets_its_token_and_nobody_sees_it(house: House, registry: FakeRegistry) -> None:
    registry.add_wheel("mine", "1.0", "hi", root="/secret")
    sandbox = house.sandbox(door=ALL)
    door = house.door(sandbox)
    with structlog.testing.capture_logs() as logs:
        page = door.get("/registry/secret/simple/mine/")
        file = door.get("/registry/secret/files/1/packages/mine/mine-1.0-py3-none-any.whl")
    assert (page.status_code, file.status_code) == (200, 200)
    eventually(lambda: len(audited(house, sandbox)) == 2)
    rows = audited(house, sandbox)
    assert [(row.target, row.verdict) for row in rows] == [
        ("GET /registry/secret/simple/mine/", "200"),
        ("GET /registry/secret/files/1/packages/mine/mine-1.0-py3-none-any.whl", "200"),
    ]
    assert rows[0].credential_id.startswith("sha256:")
    assert TOKEN not in page.text + str(page.headers) + str(logs) + house.everything() + str(rows)


def test_t57_a_token_that_is_not_taken_asks_the_client_for_none(house: House, registry: FakeRegistry) -> None:
    registry.authorization = "Bearer another"
    answer = house.door(house.sandbox(door=ALL)).get("/registry/secret/simple/mine/")
    assert (answer.status_code, "www-authenticate" in answer.headers) == (502, False)


def test_t57_a_redirect_takes_no_token_to_another_host(house: House, registry: FakeRegistry) -> None:
    """The host is named by the entry, so the file comes; the token stays behind."""
    path = registry.add_wheel("mine", "1.0", "hi", root="/secret")
    other = registry.url.replace("127.0.0.1", "localhost")
    registry.redirects[path] = f"{other}/other-files/mine.whl"
    registry.put("/other-files/mine.whl", registry.files[path][1])
    door = house.door(house.sandbox(door=ALL))
    came = door.get("/registry/secret/files/1/packages/mine/mine-1.0-py3-none-any.whl")
    assert came.content == registry.files[path][1]
    sent = {asked.path: asked.headers.get("authorization") for asked in registry.asked}
    assert sent == {path: f"Bearer {TOKEN}", "/other-files/mine.whl": None}


ELSEWHERE = (
    "http://evil.invalid/x.whl", "//evil.invalid/x.whl", "https://127.0.0.1/x.whl", "http://a@b/x", "ftp://x/y", "http://[::1",
)


def test_t57_a_redirect_to_a_host_that_the_entry_does_not_name_is_refused_and_seen(
    house: House, sandbox: str, registry: FakeRegistry
) -> None:
    path = registry.add_wheel("hello", "1.0", "hi")
    # The last one is there, and would give it: the same server under a name that this entry does not have.
    there = f"{registry.url.replace('127.0.0.1', 'localhost')}/other-files/hello.whl"
    registry.put("/other-files/hello.whl", registry.files[path][1])
    for where in (*ELSEWHERE, there):
        registry.redirects[path] = where
        answer = house.door(sandbox).get("/registry/pypi/files/1/packages/hello/hello-1.0-py3-none-any.whl")
        assert answer.status_code == 502, where
    assert set(registry.paths()) == {path}
    assert all("redirect to" in denied for denied in denials(house, sandbox))
    assert denials(house, sandbox)


def test_a_redirect_that_goes_round_ends(house: House, sandbox: str, registry: FakeRegistry) -> None:
    registry.redirects["/npm/left"] = "/npm/left"
    assert house.door(sandbox).get("/registry/npm/left").status_code == 502
    assert len(registry.asked) == 6


def test_t57_an_echoed_token_is_in_no_page_and_no_file(house: House, registry: FakeRegistry) -> None:
    registry.put("/secret/simple/echo/", f'<a href="x" data-yanked="{TOKEN}">{TOKEN}</a>'.encode(), "text/html")
    sandbox = house.sandbox(door=ALL)
    door = house.door(sandbox)
    page = door.get("/registry/secret/simple/echo/")
    assert (page.status_code, TOKEN in page.text, "[redacted]" in page.text) == (200, False, True)
    file = door.get("/registry/secret/files/1/packages/echo.whl")
    assert (file.status_code, TOKEN in file.text) == (502, False)
    assert denials(house, sandbox) == ["GET /registry/secret/files/1/packages/echo.whl: the registry put its own token into the file"]


def test_links_to_hosts_that_the_entry_does_not_name_stay_as_they_are(house: House, sandbox: str, registry: FakeRegistry) -> None:
    """Nothing serves them; the client's error, and a denied tunnel, then name the host that the entry lacks."""
    page = {"meta": {}, "files": [{"url": "https://elsewhere.example/x-1.0.whl", "hashes": {}}]}
    registry.put("/pypi/simple/x/", json.dumps(page).encode(), "application/vnd.pypi.simple.v1+json")
    assert house.door(sandbox).get("/registry/pypi/simple/x/").json()["files"][0]["url"] == "https://elsewhere.example/x-1.0.whl"


NO_METADATA = (
    ("/pypi/simple/x/", b"[]"), ("/pypi/simple/x/", b'{"files": 3}'), ("/pypi/simple/x/", b"\xff"), ("/npm/x", b"[" * 100_000),
    ("/npm/x", b'{"versions": []}'), ("/crates/3/a/abc", b"nonsense"),
)


def test_metadata_that_is_none_is_an_error_and_no_crash(house: House, sandbox: str, registry: FakeRegistry) -> None:
    for path, answer in NO_METADATA:
        registry.put(path, answer, "application/json")
        came = house.door(sandbox).get(f"/registry{path.replace('/crates/', '/crates/index/')}")
        assert (came.status_code, came.json()["reason"]) == (502, "bellhop_upstream"), answer[:20]


def test_one_address_that_is_none_spoils_no_page(house: House, sandbox: str, registry: FakeRegistry) -> None:
    registry.put("/pypi/simple/x/", b'<a href="http://[x">no</a><a href="https://elsewhere.example/x-1.0.whl">yes</a>', "text/html")
    came = house.door(sandbox).get("/registry/pypi/simple/x/")
    assert (came.status_code, came.text.count("<a href="), "https://elsewhere.example/x-1.0.whl" in came.text) == (200, 2, True)


@pytest.mark.parametrize(("path", "content_type", "page"), [
    ("/npm/x", "application/json", b'{"versions": {}, "a": [' + b"[]," * 3_000_000 + b"1]}"),
    ("/pypi/simple/x/", "text/html", b"<a>" * 2_000_000),
], ids=["json", "html"])
def test_t60_a_page_of_little_but_members_is_not_taken_apart(
    house: House, sandbox: str, registry: FakeRegistry, path: str, content_type: str, page: bytes
) -> None:
    """In memory it would take thirty times its size."""
    registry.put(path, page, content_type)
    came = house.door(sandbox).get(f"/registry{path}")
    assert (came.status_code, "members" in came.json()["error"]) == (502, True)


def test_what_the_registry_does_not_have_is_not_found(house: House, sandbox: str, registry: FakeRegistry) -> None:
    door = house.door(sandbox)
    for path in ("npm/nothing", "pypi/files/1/x.whl", "pypi/files/7/x.whl", "go/example.com/x/@v/list", "debian/dists/stable/Release"):
        assert door.get(f"/registry/{path}").status_code == 404
    assert denials(house, sandbox) == []


def test_head_is_answered(house: House, sandbox: str, registry: FakeRegistry) -> None:
    path = registry.add_wheel("hello", "1.0", "hi")
    door, size = house.door(sandbox), str(len(registry.files[path][1]))
    file = "/registry/pypi/files/1/packages/hello/hello-1.0-py3-none-any.whl"
    assert door.head(file).headers["content-length"] == size
    assert door.get(file).status_code == 200
    assert door.head(file).headers["content-length"] == size
    assert door.head("/registry/pypi/simple/hello/").status_code == 200


def test_cargo_is_told_of_no_api_to_publish_to(house: House, sandbox: str, registry: FakeRegistry) -> None:
    registry.add_crate("hello", "1.0.0", "hi")
    config = house.door(sandbox).get("/registry/crates/index/config.json", headers={"host": "127.0.0.1:4117"}).json()
    assert config == {"dl": "http://127.0.0.1:4117/registry/crates/crates"}


def test_a_sandbox_that_ends_takes_its_requests_with_it(house: House, sandbox: str, registry: FakeRegistry) -> None:
    path = registry.add_wheel("hello", "1.0", "hi", padding=400_000)
    registry.held.add(path)
    with house.door(sandbox).stream("GET", "/registry/pypi/files/1/packages/hello/hello-1.0-py3-none-any.whl") as answer:
        assert answer.status_code == 200
    partial = house.settings.state_dir / "registry-cache" / "partial"
    eventually(lambda: list(partial.iterdir()) == [])
