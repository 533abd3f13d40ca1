"""Which requests for the repository may pass, decided on the bytes as they came: nothing is decoded or normalised first."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Surface = Literal["git", "github"]

MAX_PATH_BYTES = 1024
MAX_QUERY_BYTES = 1024

# RFC 3986's pchar; an escape may stand for neither a slash, a dot, a percent sign, a backslash nor a control character.
_SEGMENT = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%(?![01]|2[EeFf5]|5[Cc]|7[Ff])[0-9A-Fa-f]{2})+")
_QUERY = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%(?![01]|7[Ff])[0-9A-Fa-f]{2})*")
# A credential or a method has no place in a query; GitHub took such ones once.
_NOT_ASKED = frozenset({b"access_token", b"client_id", b"client_secret", b"_method"})

_PUSH = "nothing is pushed from inside: Bellhop publishes"
_LFS = "Git LFS objects do not pass this door"
_DUMB = "only git's smart HTTP passes, to fetch"
_READ = "only GET and HEAD pass"
_GRAPHQL = "GraphQL does not pass: it can write"
_FORM = "this spelling of a path or query is not passed on"


class Call(NamedTuple):
    """One admitted request; `path` and `query` are what the upstream is asked for, below its address."""

    surface: Surface
    method: str
    path: bytes
    query: bytes = b""

    @property
    def target(self) -> str:
        """The request line, for the audit."""
        return f"{self.method} {self.path.decode()}" + (f"?{self.query.decode()}" if self.query else "")


class Refusal(NamedTuple):
    """Why a request does not pass; `is_lfs` asks for an answer in the form that git-lfs reads."""

    why: str
    is_lfs: bool = False


def admit_git(method: str, raw_path: bytes, query: bytes, repository: str) -> Call | Refusal:
    """Return what a request below `/git` stands for: git's `upload-pack` of this one repository, or why it is refused.

    https://git-scm.com/docs/http-protocol
    """
    own = f"/git/{repository}".encode()
    for base in (own + b".git", own):
        if raw_path.startswith(base + b"/"):
            return _git_call(method, raw_path[len(base) + 1:], query, repository)
    return Refusal(f"only {_short(repository)} can be read here")


def _git_call(method: str, rest: bytes, query: bytes, repository: str) -> Call | Refusal:
    base = f"/{repository}.git/".encode()
    if (method, rest, query) == ("GET", b"info/refs", b"service=git-upload-pack"):
        return Call("git", method, base + rest, query)
    if (method, rest, query) == ("POST", b"git-upload-pack", b""):
        return Call("git", method, base + rest)
    if b"receive-pack" in rest or b"receive-pack" in query:
        return Refusal(_PUSH)
    if rest.startswith(b"info/lfs"):
        return Refusal(_LFS, is_lfs=True)
    return Refusal(_DUMB)


def admit_github(method: str, raw_path: bytes, query: bytes, repository: str) -> Call | Refusal:
    """Return what a request below `/github` stands for: reading this one repository, or why it is refused.

    https://docs.github.com/en/rest
    """
    if raw_path == b"/github/graphql":
        return Refusal(_GRAPHQL)
    if method not in ("GET", "HEAD"):
        return Refusal(_READ)
    own = f"/github/repos/{repository}".encode()
    if raw_path != own and not raw_path.startswith(own + b"/"):
        return Refusal(f"only {_short(repository)} can be read here")
    segments = raw_path[len(own):].split(b"/")[1:]
    is_plain = len(raw_path) <= MAX_PATH_BYTES and all(_is_plain(segment) for segment in segments)
    if not is_plain or not _is_plain_query(query):
        return Refusal(_FORM)
    return Call("github", method, raw_path.removeprefix(b"/github"), query)


def _is_plain_query(query: bytes) -> bool:
    if len(query) > MAX_QUERY_BYTES or not _QUERY.fullmatch(query):
        return False
    names = [part.partition(b"=")[0].lower() for part in query.split(b"&")]
    return not any(b"%" in name or name in _NOT_ASKED for name in names)


def _is_plain(segment: bytes) -> bool:
    return _SEGMENT.fullmatch(segment) is not None and segment.strip(b".") != b""


def _short(repository: str) -> str:
    return repository if len(repository) <= 25 else f"{repository[:22]}..."
