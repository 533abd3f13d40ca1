"""What is kept between runs: by content, verified, bounded, and nothing that a run could have put there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from app.core.sandbox.door import DoorRules
from app.core.sandbox.registry import Registry
from app.execute.gateway.registry.cache import Cache
from app.execute.gateway.registry.download import Downloads
from app.execute.gateway.registry.entry import Entry
from app.execute.gateway.registry.fetch import Fetch
from app.execute.gateway.registry.npm_page import _is_of
from tests.app.execute.gateway.house import House, eventually
from tests.app.execute.gateway.registry.conftest import NAMES
from tests.app.execute.gateway.registry.fake_registry import FakeRegistry

WHEEL = "/registry/pypi/files/1/packages/hello/hello-1.0-py3-none-any.whl"


def root(house: House) -> Path:
    return house.settings.state_dir / "registry-cache"


def kept(house: House) -> list[Path]:
    return sorted(root(house).glob("files/*/*"))


def test_a_file_is_fetched_once_for_all_runs(house: House, sandbox: str, registry: FakeRegistry) -> None:
    path = registry.add_wheel("hello", "1.0", "hi")
    other = house.sandbox(door=DoorRules(registries=NAMES))
    first, second = (house.door(each).get(WHEEL).content for each in (sandbox, other))
    assert first == second == registry.files[path][1]
    assert registry.paths().count(path) == 1
    [file] = kept(house)
    assert file.name == hashlib.sha256(first).hexdigest()
    assert root(house).stat().st_mode & 0o077 == 0


def test_what_is_kept_outlives_the_gateway_and_what_was_under_way_does_not(house: House, sandbox: str, registry: FakeRegistry) -> None:
    path = registry.add_wheel("hello", "1.0", "hi")
    assert house.door(sandbox).get(WHEEL).status_code == 200
    house.stop()
    (root(house) / "partial" / "left").write_text("half")
    house.start()
    assert list((root(house) / "partial").iterdir()) == []
    assert house.door(sandbox).get(WHEEL).content == registry.files[path][1]
    assert registry.paths().count(path) == 1


def test_t39_a_file_that_is_not_what_its_metadata_states_is_neither_passed_on_nor_kept(
    house: House, sandbox: str, registry: FakeRegistry
) -> None:
    door = house.door(sandbox)
    wheel = registry.add_wheel("hello", "1.0", "hi")
    tarball, _ = registry.add_npm("left", "1.0.0", "hi")
    registry.add_crate("hello", "1.0.0", "hi")
    assert [door.get(f"/registry/{page}").status_code for page in ("pypi/simple/hello/", "npm/left", "crates/index/he/ll/hello")] == [200] * 3
    for path in (wheel, tarball, "/crates-files/hello/1.0.0/download"):
        registry.put(path, b"poison")
    for path in (WHEEL, "/registry/npm/left/-/left-1.0.0.tgz", "/registry/crates/crates/hello/1.0.0/download"):
        answer = door.get(path)
        assert (answer.status_code, b"poison" in answer.content) == (502, False), path
    assert kept(house) == []
    texts = [row.step.text for row in house.steps(sandbox) if row.step.kind == "denied"]
    assert [("is not what its" in text) for text in texts] == [True] * 3


def test_t39_a_large_file_that_is_not_what_it_should_be_never_ends_well(house: House, sandbox: str, registry: FakeRegistry) -> None:
    path = registry.add_wheel("hello", "1.0", "hi", padding=2_000_000)
    door = house.door(sandbox)
    assert door.get("/registry/pypi/simple/hello/").status_code == 200
    registry.put(path, registry.files[path][1][:-1] + b"x")
    with pytest.raises(httpx.RemoteProtocolError):
        door.get(WHEEL)
    assert kept(house) == []


def test_t39_what_one_run_was_given_wrongly_another_is_not(house: House, sandbox: str, registry: FakeRegistry) -> None:
    """Kept before anything was known of it; as soon as the metadata says otherwise it is gone."""
    path = registry.add_wheel("hello", "1.0", "hi")
    right = registry.files[path][1]
    registry.put(path, b"poison")
    assert house.door(sandbox).get(WHEEL).content == b"poison"
    registry.put(path, right)
    other = house.door(house.sandbox(door=DoorRules(registries=NAMES)))
    assert other.get("/registry/pypi/simple/hello/").status_code == 200
    assert other.get(WHEEL).content == right


def test_t39_what_one_package_states_of_another_counts_for_nothing(house: House, sandbox: str, registry: FakeRegistry) -> None:
    """Whoever may publish something must not be able to have somebody else's package refused."""
    wheel = registry.add_wheel("hello", "1.0", "hi")
    tarball, _ = registry.add_npm("left", "1.0.0", "hi")
    wrong = {"tarball": f"{registry.url}{tarball}", "integrity": "sha512-" + "A" * 86 + "=="}
    registry.put("/npm/evil", json.dumps({"name": "left", "versions": {"1.0.0": {"dist": wrong}}}).encode(), "application/json")
    for path, kind in (("/pypi/simple/evil/", "application/vnd.pypi.simple.v1+json"), ("/pypi/simple/hel/", "text/html")):
        page = json.dumps({"meta": {}, "files": [{"url": f"{registry.url}{wheel}", "hashes": {"sha256": "0" * 64}}]})
        html = f'<a href="{registry.url}{wheel}#sha256={"0" * 64}">hello</a>'
        registry.put(path, (html if kind == "text/html" else page).encode(), kind)
    line = {"name": "hello", "vers": "1.0.0", "cksum": "0" * 64}
    registry.add_crate("hello", "1.0.0", "hi")
    registry.put("/crates/ev/il/evil", json.dumps(line).encode(), "text/plain")
    door = house.door(sandbox)
    for page in ("npm/evil", "pypi/simple/evil/", "pypi/simple/hel/", "crates/index/ev/il/evil"):
        assert door.get(f"/registry/{page}").status_code == 200
    for file in (WHEEL, "/registry/npm/left/-/left-1.0.0.tgz", "/registry/crates/crates/hello/1.0.0/download"):
        assert door.get(file).status_code == 200, file


@pytest.mark.parametrize("evil", ["left", "npm", "download", "files"])
def test_t39_a_name_that_is_a_part_of_anothers_address_counts_for_nothing(
    house: House, sandbox: str, registry: FakeRegistry, evil: str
) -> None:
    tarball, _ = registry.add_npm("@acme/left", "1.0.0", "hi")
    wrong = {"tarball": f"{registry.url}{tarball}", "integrity": "sha512-" + "A" * 86 + "=="}
    registry.put(f"/npm/{evil}", json.dumps({"name": evil, "versions": {"1.0.0": {"dist": wrong}}}).encode(), "application/json")
    door = house.door(sandbox)
    assert door.get(f"/registry/npm/{evil}").status_code == 200
    came = door.get("/registry/npm/@acme/left/-/left-1.0.0.tgz")
    assert (came.status_code, came.content) == (200, registry.files[tarball][1])


@pytest.mark.parametrize(("package", "below", "is_its"), [
    ("left", "left/-/left-1.tgz", True), ("@acme/left", "@acme/left/-/left-1.tgz", True),
    ("left", "@acme/left/-/left-1.tgz", False), ("@acme/left", "left/-/left-1.tgz", False), ("npm", "left/-/left-1.tgz", False),
    ("@acme/left", f"download/@acme/left/1.0.0/{'a' * 40}", True), ("download", f"download/@acme/left/1.0.0/{'a' * 40}", False),
    ("left", "more/left/-/left-1.tgz", True),
])
def test_t39_whose_tarball_an_address_names(package: str, below: str, is_its: bool) -> None:
    addresses = ("https://r.example/npm/", "https://files.example/")
    assert [_is_of(package, address + below, addresses) for address in addresses] == [is_its] * 2


def test_t39_nothing_that_a_run_sends_gets_into_the_cache(house: House, sandbox: str, registry: FakeRegistry) -> None:
    registry.add_wheel("hello", "1.0", "hi")
    door = house.door(sandbox)
    for method in ("PUT", "POST", "PATCH", "DELETE"):
        assert door.request(method, WHEEL, content=b"poison").status_code == 403
    door.request("GET", WHEEL, content=b"poison")
    assert all(b"poison" not in file.read_bytes() for file in kept(house))


def test_a_file_that_was_spoiled_on_disk_is_fetched_again(house: House, sandbox: str, registry: FakeRegistry) -> None:
    path = registry.add_wheel("hello", "1.0", "hi")
    door = house.door(sandbox)
    assert door.get(WHEEL).status_code == 200
    [file] = kept(house)
    file.write_bytes(b"x" * file.stat().st_size)
    assert door.get(WHEEL).content == registry.files[path][1]
    assert registry.paths().count(path) == 2
    assert kept(house)[0].read_bytes() == registry.files[path][1]


def test_a_file_that_came_in_part_is_not_kept(house: House, sandbox: str, registry: FakeRegistry) -> None:
    path = registry.add_wheel("hello", "1.0", "hi")
    registry.cut.add(path)
    assert house.door(sandbox).get(WHEEL).status_code == 502
    registry.cut.clear()
    assert kept(house) == []
    assert house.door(sandbox).get(WHEEL).content == registry.files[path][1]


def test_many_who_ask_at_once_share_one_download(house: House, sandbox: str, registry: FakeRegistry) -> None:
    path = registry.add_wheel("hello", "1.0", "hi", padding=3_000_000)
    registry.held.add(path)
    door = house.door(sandbox)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(lambda: door.get(WHEEL).content) for _ in range(8)]
        eventually(lambda: registry.paths().count(path) == 1)
        registry.go_on = True
        contents = {hashlib.sha256(each.result()).hexdigest() for each in asked}
    assert contents == {hashlib.sha256(registry.files[path][1]).hexdigest()}
    assert registry.paths().count(path) == 1


def test_one_who_leaves_takes_it_from_nobody(house: House, sandbox: str, registry: FakeRegistry) -> None:
    path = registry.add_wheel("hello", "1.0", "hi", padding=3_000_000)
    registry.held.add(path)
    with ThreadPoolExecutor(1) as pool, house.door(sandbox).stream("GET", WHEEL) as first:
        assert first.status_code == 200
        second = pool.submit(lambda: house.door(sandbox).get(WHEEL).content)
        first.close()
        registry.go_on = True
        assert second.result() == registry.files[path][1]


def test_a_private_file_is_for_those_whose_profile_names_its_registry(house: House, sandbox: str, registry: FakeRegistry) -> None:
    registry.add_wheel("mine", "1.0", "hi", root="/secret")
    file = "files/1/packages/mine/mine-1.0-py3-none-any.whl"
    assert house.door(house.sandbox(door=DoorRules(registries=("secret",)))).get(f"/registry/secret/{file}").status_code == 200
    assert house.door(sandbox).get(f"/registry/secret/{file}").status_code == 403
    assert house.door(sandbox).get(f"/registry/pypi/{file}").status_code == 404


def test_by_hash_files_of_an_archive_are_kept_and_its_lists_are_asked_anew(house: House, sandbox: str, registry: FakeRegistry) -> None:
    data = b"Package: hello\n"
    digest = hashlib.sha256(data).hexdigest()
    registry.put("/debian/dists/stable/Release", b"Date: today")
    registry.put(f"/debian/dists/stable/main/binary-amd64/by-hash/SHA256/{digest}", data)
    registry.put(f"/debian/dists/stable/main/binary-amd64/by-hash/SHA256/{'0' * 64}", data)
    door = house.door(sandbox)
    for _ in range(2):
        assert door.get("/registry/debian/dists/stable/Release").content == b"Date: today"
        assert door.get(f"/registry/debian/dists/stable/main/binary-amd64/by-hash/SHA256/{digest}").content == data
        assert door.get(f"/registry/debian/dists/stable/main/binary-amd64/by-hash/SHA256/{'0' * 64}").status_code == 502
    asked = registry.paths()
    assert (asked.count("/debian/dists/stable/Release"), sum(path.endswith(digest) for path in asked)) == (2, 1)


class TestBound:
    """The cache alone."""

    def put(self, cache: Cache, url: str, data: bytes) -> None:
        handle, path = cache.begin()
        os.write(handle, data)
        os.close(handle)
        cache.keep(path, "r", url, {name: hashlib.new(name, data).hexdigest() for name in ("sha256", "sha512", "sha1")}, len(data))

    def test_what_was_not_used_longest_goes_first(self, tmp_path: Path) -> None:
        cache = Cache(tmp_path / "cache", 1000)
        cache.prepare()
        for number in range(3):
            self.put(cache, f"u{number}", bytes([number]) * 300)
        for place, number in enumerate((1, 2, 0)):
            found = cache.find("r", f"u{number}", None)
            assert found is not None
            os.utime(found.path, (1000 + place, 1000 + place))
        self.put(cache, "u3", b"3" * 300)
        there = [number for number in range(4) if cache.find("r", f"u{number}", None)]
        assert there == [0, 2, 3]
        assert cache.size_bytes <= 1000
        assert len(list((tmp_path / "cache" / "names").glob("*/*"))) == len(there)

    def test_it_holds_the_bound_when_it_comes_back_smaller(self, tmp_path: Path) -> None:
        cache = Cache(tmp_path / "cache", 10_000)
        cache.prepare()
        for number in range(10):
            self.put(cache, f"u{number}", bytes([number]) * 900)
        again = Cache(tmp_path / "cache", 2000)
        again.prepare()
        assert again.size_bytes == sum(path.stat().st_size for path in (tmp_path / "cache" / "files").glob("*/*")) <= 2000

    def test_one_content_under_two_names_counts_once(self, tmp_path: Path) -> None:
        cache = Cache(tmp_path / "cache", 1000)
        cache.prepare()
        self.put(cache, "a", b"x" * 400)
        self.put(cache, "b", b"x" * 400)
        assert cache.size_bytes == 400

    def test_nothing_is_kept_where_nothing_may_be(self, tmp_path: Path) -> None:
        cache = Cache(tmp_path / "cache", 0)
        cache.prepare()
        self.put(cache, "a", b"x")
        assert cache.find("r", "a", None) is None
        assert list((tmp_path / "cache" / "partial").iterdir()) == []

    def test_a_note_that_is_no_note_is_no_file(self, tmp_path: Path) -> None:
        cache = Cache(tmp_path / "cache", 1000)
        cache.prepare()
        self.put(cache, "a", b"x")
        [name] = (tmp_path / "cache" / "names").glob("*/*")
        for note in ("", "[]", json.dumps({"sha256": "../../../etc/passwd", "size": 1}), json.dumps({"sha256": 3, "size": 1})):
            name.write_text(note)
            assert cache.find("r", "a", None) is None



@pytest.mark.anyio
async def test_t60_what_only_a_slow_reader_holds_counts_until_he_lets_go(tmp_path: Path) -> None:
    """A file that is too large for the cache has no name on disk any more, and takes its place there all the same."""
    cache = Cache(tmp_path, 0)
    cache.prepare()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x" * 300_000

    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=pieces()))
    downloads = Downloads(Fetch(transport), cache)
    entry = Entry("pypi", Registry(kind="pypi", url="https://registry.example/simple/"), "")
    download = downloads.join(entry, "https://registry.example/simple/a", None, lambda: None)
    assert download.task is not None
    await download.task
    assert downloads.partial_bytes == 300_000
    downloads.leave(download)
    assert downloads.partial_bytes == 0
