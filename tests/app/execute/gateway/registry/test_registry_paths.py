"""The path grammars: whatever a sandbox spells, what is asked for lies below the registry's own address, spelled one way."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.core.sandbox.registry import Registry, RegistryKind
from app.execute.gateway.registry.paths import Wanted, admit

KINDS: tuple[RegistryKind, ...] = ("pypi", "npm", "debian", "crates", "go")
REGISTRIES = {
    kind: Registry(kind=kind, url="https://registry.example/base/", files=("https://files.example/",),
                   suites=("stable",) if kind == "debian" else ())
    for kind in KINDS
}
PIECES = st.sampled_from([
    b"simple", b"files", b"0", b"1", b"-", b"left", b"@acme", b"@acme%2fleft", b"left-1.0.0.tgz", b"x-1.0.whl", b"dists", b"stable",
    b"pool", b"Release", b"by-hash", b"SHA256", b"a" * 64, b"x.deb", b"index", b"crates", b"3", b"a", b"abc", b"1.0.0", b"download",
    b"example.com", b"@v", b"@latest", b"list", b"v1.0.0.zip", b"sumdb", b"lookup", b"tile", b"config.json", b"..", b".", b"", b"%2e%2e",
    b"%2e", b"%2f", b"%5c", b"%00", b"%25", b"%2b", b"%7e", b"%", b"%2", b"%zz", b"\\", b"\xff", b"%c3%a9", b"?", b"#", b"a;b", b"a b", b"@",
    b"base", b"http:", b"evil.example",
])
SPELLINGS = st.one_of(st.binary(max_size=60), st.lists(PIECES, max_size=7).map(b"/".join), st.lists(PIECES, max_size=4).map(b"".join))


@given(kind=st.sampled_from(KINDS), rest=SPELLINGS)
@example("pypi", b"files/0/%2e%2e/x.whl")
@example("npm", b"@acme%2f../left")
@example("go", b"example.com/../x/@v/list")
def test_what_is_admitted_lies_below_the_registrys_address(kind: RegistryKind, rest: bytes) -> None:
    wanted = admit(REGISTRIES[kind], rest)
    if wanted is None:
        return
    address = REGISTRIES[kind].url
    asked = urlsplit(address + wanted.path)
    assert (asked.netloc, asked.query, asked.fragment) == ("registry.example", "", "")
    assert asked.path == urlsplit(address).path + wanted.path
    # npm's `@scope%2fname` is the one slash that stays an escape.
    segments = unquote(wanted.path).removesuffix("/").split("/")
    assert not {"", ".", ".."} & set(segments)
    assert all(segment.isascii() and segment.isprintable() and not set(segment) & set("\\?#%; ") for segment in segments)


@given(kind=st.sampled_from(KINDS), rest=SPELLINGS)
def test_a_path_with_a_way_out_in_it_is_never_admitted(kind: RegistryKind, rest: bytes) -> None:
    for out in (b"/../", b"/%2e%2e/", b"/./", b"//", b"%00", b"%0d%0a", b"%5c", b"\\", b"%252e", b"?a=b", b"#a"):
        assert admit(REGISTRIES[kind], b"files/0" + out + rest) is None
        assert admit(REGISTRIES[kind], rest + out + b"x.whl") is None


GOOD = [
    ("pypi", "simple/requests/", Wanted("page", "requests/")), ("pypi", "simple/zope.interface", Wanted("page", "zope.interface/")),
    ("pypi", "files/1/packages/ab/torch-2.0%2Bcpu.whl", Wanted("file", "packages/ab/torch-2.0%2Bcpu.whl", 1)),
    ("pypi", "files/1/x.whl.metadata", Wanted("file", "x.whl.metadata", 1)),
    ("npm", "left", Wanted("page", "left")), ("npm", "@acme%2Fleft", Wanted("page", "@acme%2fleft")),
    ("npm", "@acme/left/latest", Wanted("page", "@acme%2fleft/latest")), ("npm", "JSONStream", Wanted("page", "JSONStream")),
    ("npm", "@acme/left/-/left-1.0.0-rc.1.tgz", Wanted("file", "@acme/left/-/left-1.0.0-rc.1.tgz")),
    ("npm", "base/left/-/left-1.0.0.tgz", Wanted("file", "left/-/left-1.0.0.tgz")),
    ("npm", "base/-/base-1.0.0.tgz", Wanted("file", "base/-/base-1.0.0.tgz")),
    ("debian", "dists/stable/InRelease", Wanted("list", "dists/stable/InRelease")),
    ("debian", "pool/main/libs/libstdc%2b%2b/x_1%3a1.0%7e1_all.deb", Wanted("file", "pool/main/libs/libstdc%2B%2B/x_1%3A1.0~1_all.deb")),
    ("crates", "index/se/rd/serde", Wanted("page", "se/rd/serde")), ("crates", "index/3/a/abc", Wanted("page", "3/a/abc")),
    ("crates", "crates/serde/1.0.0+x/download", Wanted("crate", "serde/1.0.0+x")),
    ("go", "github.com/!burnt!sushi/toml/@v/v1.0.0.zip", Wanted("file", "github.com/!burnt!sushi/toml/@v/v1.0.0.zip")),
    ("go", "gopkg.in/yaml.v3/@v/v3.0.1+incompatible.mod", Wanted("file", "gopkg.in/yaml.v3/@v/v3.0.1%2Bincompatible.mod")),
    ("go", "example.com/x/@latest", Wanted("list", "example.com/x/@latest")),
    ("go", "sumdb/sum.example/tile/8/0/x001/234.p/12", Wanted("list", "sumdb/sum.example/tile/8/0/x001/234.p/12")),
    ("go", "sumdb/sum.example/lookup/example.com/x@v1.0.0", Wanted("list", "sumdb/sum.example/lookup/example.com/x@v1.0.0")),
]


@pytest.mark.parametrize(("kind", "rest", "wanted"), GOOD, ids=[f"{kind}:{rest}" for kind, rest, _ in GOOD])
def test_what_clients_need_is_admitted(kind: RegistryKind, rest: str, wanted: Wanted) -> None:
    assert admit(REGISTRIES[kind], rest.encode()) == wanted


def test_a_by_hash_path_states_its_digest() -> None:
    wanted = admit(REGISTRIES["debian"], b"dists/stable/main/binary-amd64/by-hash/SHA256/" + b"a" * 64)
    assert wanted is not None
    assert (wanted.what, wanted.stated) == ("file", ("sha256", "a" * 64))
