"""Which paths of `/git` and `/github` pass (T56): exact ones of one repository, and no other way of writing them."""

from __future__ import annotations

import re

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.execute.gateway.repository.links import rewritten
from app.execute.gateway.repository.paths import Call, Refusal, admit_git, admit_github

OWN = "octo/hello"
FETCH = b"service=git-upload-pack"


@pytest.mark.parametrize("base", [b"/git/octo/hello.git", b"/git/octo/hello"])
def test_a_fetch_of_the_runs_repository_passes(base: bytes) -> None:
    assert admit_git("GET", base + b"/info/refs", FETCH, OWN) == Call("git", "GET", b"/octo/hello.git/info/refs", FETCH)
    assert admit_git("POST", base + b"/git-upload-pack", b"", OWN) == Call("git", "POST", b"/octo/hello.git/git-upload-pack")


@pytest.mark.parametrize(("method", "path", "query", "why"), [
    ("GET", "/git/octo/hello.git/info/refs", "service=git-receive-pack", "nothing is pushed"),
    ("POST", "/git/octo/hello.git/git-receive-pack", "", "nothing is pushed"),
    ("GET", "/git/octo/hello.git/info/refs", "", "smart HTTP"),
    ("GET", "/git/octo/hello.git/info/refs", "service=git-upload-pack&service=git-receive-pack", "nothing is pushed"),
    ("GET", "/git/octo/hello.git/info/refs", "service=git-upload-archive", "smart HTTP"),
    ("GET", "/git/octo/hello.git/HEAD", "", "smart HTTP"),
    ("GET", "/git/octo/hello.git/objects/info/packs", "", "smart HTTP"),
    ("POST", "/git/octo/hello.git/info/refs", "service=git-upload-pack", "smart HTTP"),
    ("PUT", "/git/octo/hello.git/git-upload-pack", "", "smart HTTP"),
    ("POST", "/git/octo/hello.git/info/lfs/objects/batch", "", "LFS"),
    ("GET", "/git/octo/other.git/info/refs", "service=git-upload-pack", "only octo/hello"),
    ("GET", "/git/evil/hello.git/info/refs", "service=git-upload-pack", "only octo/hello"),
    ("GET", "/git/Octo/hello.git/info/refs", "service=git-upload-pack", "only octo/hello"),
    ("GET", "/git/octo/hello.git.git/info/refs", "service=git-upload-pack", "only octo/hello"),
    ("GET", "/git/octo/helloworld.git/info/refs", "service=git-upload-pack", "only octo/hello"),
    ("GET", "/git/octo/hello.git/../../evil/r.git/info/refs", "service=git-upload-pack", "smart HTTP"),
    ("GET", "/git//octo/hello.git/info/refs", "service=git-upload-pack", "only octo/hello"),
    ("GET", "/git/octo%2Fhello.git/info/refs", "service=git-upload-pack", "only octo/hello"),
    ("GET", "/git/octo/%68ello.git/info/refs", "service=git-upload-pack", "only octo/hello"),
], ids=str)
def test_t56_no_push_no_other_repository_no_other_spelling(method: str, path: str, query: str, why: str) -> None:
    found = admit_git(method, path.encode(), query.encode(), OWN)
    assert isinstance(found, Refusal)
    assert why in found.why
    assert found.is_lfs == ("lfs" in path)


@pytest.mark.parametrize(("path", "query"), [
    ("/repos/octo/hello", ""), ("/repos/octo/hello/issues", "state=all&per_page=100&page=2"),
    ("/repos/octo/hello/contents/a%20b/%C3%A9.py", "ref=main"), ("/repos/octo/hello/compare/main...feature", ""),
    ("/repos/octo/hello/contents/.github/workflows", ""), ("/repos/octo/hello/issues", "labels=a%2Cb&q=%25"),
])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_reading_the_runs_repository_passes_byte_by_byte(method: str, path: str, query: str) -> None:
    found = admit_github(method, f"/github{path}".encode(), query.encode(), OWN)
    assert found == Call("github", method, path.encode(), query.encode())


@pytest.mark.parametrize(("method", "path", "query", "why"), [
    ("POST", "/github/repos/octo/hello/issues/1/comments", "", "only GET"),
    ("PUT", "/github/repos/octo/hello/contents/x", "", "only GET"),
    ("PATCH", "/github/repos/octo/hello", "", "only GET"),
    ("DELETE", "/github/repos/octo/hello", "", "only GET"),
    ("POST", "/github/graphql", "", "GraphQL"),
    ("GET", "/github/graphql", "query=x", "GraphQL"),
    ("POST", "/github/gists", "", "only GET"),
    ("GET", "/github/gists", "", "only octo/hello"),
    ("GET", "/github/user", "", "only octo/hello"),
    ("GET", "/github/repositories/1001", "", "only octo/hello"),
    ("GET", "/github/repos/evil/hello/issues", "", "only octo/hello"),
    ("GET", "/github/repos/octo/hello2", "", "only octo/hello"),
    ("GET", "/github/repos/OCTO/hello", "", "only octo/hello"),
    ("GET", "/github/repos/octo/hello.git", "", "only octo/hello"),
    ("GET", "/github/repos/octo/hello/", "", "spelling"),
    ("GET", "/github/repos/octo/hello//issues", "", "spelling"),
    ("GET", "/github/repos/octo/hello/..", "", "spelling"),
    ("GET", "/github/repos/octo/hello/../../evil/r", "", "spelling"),
    ("GET", "/github/repos/octo/hello/./issues", "", "spelling"),
    ("GET", "/github/repos/octo/hello/%2e%2e/%2e%2e/evil/r", "", "spelling"),
    ("GET", "/github/repos/octo/hello/..%2f..%2fevil", "", "spelling"),
    ("GET", "/github/repos/octo/hello/%252e%252e", "", "spelling"),
    ("GET", "/github/repos/octo/hello/..%5cevil", "", "spelling"),
    ("GET", "/github/repos/octo/hello/a\\b", "", "spelling"),
    ("GET", "/github/repos/octo/hello/%00", "", "spelling"),
    ("GET", "/github/repos/octo/hello/%0d%0aHost:%20evil", "", "spelling"),
    ("GET", "/github/repos/octo/hello/issues", "access_token=x", "spelling"),
    ("GET", "/github/repos/octo/hello/issues", "a=b&Access_Token=x", "spelling"),
    ("GET", "/github/repos/octo/hello/issues", "access%5ftoken=x", "spelling"),
    ("GET", "/github/repos/octo/hello/issues", "_method=DELETE", "spelling"),
    ("GET", "/github/repos/octo/hello/issues", "a=%0d%0a", "spelling"),
    ("GET", "/github/repos/octo/hello/issues", "a=" + "x" * 1100, "spelling"),
    ("GET", "/github/repos/octo/hello/" + "x" * 1100, "", "spelling"),
], ids=lambda value: str(value)[:60])
def test_t56_no_writing_no_other_repository_no_trick(method: str, path: str, query: str, why: str) -> None:
    found = admit_github(method, path.encode(), query.encode(), OWN)
    assert isinstance(found, Refusal)
    assert why in found.why


pieces = st.sampled_from([
    b"/", b"//", b".", b"..", b"%2e", b"%2F", b"%5c", b"%00", b"%25", b"octo", b"hello", b"hello.git", b"evil", b"repos",
    b"info/refs", b"git-upload-pack", b"git-receive-pack", b"\\", b"?", b"#", b"@", b":", b";", b"a", b"\xc3\xa9", b" ", b"\n",
])
# Names between slashes come near to what passes; any bytes in any order do not.
tails = st.lists(pieces, max_size=4).map(lambda names: b"".join(b"/" + name for name in names)) | st.lists(
    pieces | st.binary(max_size=6), max_size=8
).map(b"".join)


def _normal(path: bytes) -> str:
    """The path as the most forgiving server might read it."""
    found = path.decode("latin-1").replace("\\", "/")
    for _ in range(3):
        found = re.sub(r"%([0-9A-Fa-f]{2})", lambda hit: chr(int(hit[1], 16)), found).replace("\\", "/")
    return found


@given(method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "get"]), prefix=st.sampled_from([b"/github/repos/octo/hello", b"/github/"]),
       tail=tails, query=tails)
@example(method="GET", prefix=b"/github/repos/octo/hello", tail=b"/a%2e", query=b"")
@example(method="GET", prefix=b"/github/repos/octo/hello", tail=b"/../secret", query=b"")
@example(method="GET", prefix=b"/github/repos/octo/hello", tail=b"/..%2f..%2fevil", query=b"")
def test_t55_t56_whatever_passes_is_below_the_repository_however_it_is_read(method: str, prefix: bytes, tail: bytes, query: bytes) -> None:
    found = admit_github(method, prefix + tail, query, OWN)
    if isinstance(found, Refusal):
        return
    assert method in ("GET", "HEAD")
    assert found.path + b"?" + found.query == (prefix + tail).removeprefix(b"/github") + b"?" + query
    read = _normal(found.path)
    assert read == "/repos/octo/hello" or read.startswith("/repos/octo/hello/")
    assert not {"..", ".", ""} & set(read[1:].split("/"))
    assert all(character >= " " and character != "\x7f" for character in read)
    # The client library sends what was decided on.
    sent = httpx.URL("https://api.github.invalid" + found.path.decode() + (f"?{found.query.decode()}" if found.query else ""))
    assert sent.raw_path == found.path + (b"?" + found.query if found.query else b"")


@given(method=st.sampled_from(["GET", "POST", "PUT", "post"]), prefix=st.sampled_from([b"/git/octo/hello.git", b"/git/octo/hello", b"/git/"]),
       tail=tails, query=tails | st.just(FETCH))
@example(method="GET", prefix=b"/git/octo/hello", tail=b"/info/refs", query=FETCH)
def test_t56_git_passes_two_requests_and_no_third(method: str, prefix: bytes, tail: bytes, query: bytes) -> None:
    found = admit_git(method, prefix + tail, query, OWN)
    if isinstance(found, Call):
        assert (found.method, found.path, found.query) in (
            ("GET", b"/octo/hello.git/info/refs", FETCH), ("POST", b"/octo/hello.git/git-upload-pack", b""),
        )


def test_pages_lead_through_the_door_and_nowhere_else() -> None:
    api = "https://api.github.com"
    assert rewritten(f'<{api}/repositories/1001/issues?page=2>; rel="next", <{api}/repos/octo/hello/issues?page=9>; rel="last"', api, OWN) == (
        '<http://127.0.0.1:4117/github/repos/octo/hello/issues?page=2>; rel="next", '
        '<http://127.0.0.1:4117/github/repos/octo/hello/issues?page=9>; rel="last"'
    )
    for elsewhere in ("https://evil.invalid/x", f"{api}/repos/octo/hello2/x", f"{api}/user", f"{api}.evil/repos/octo/hello"):
        assert rewritten(f'<{elsewhere}>; rel="next"', api, OWN) == ""
