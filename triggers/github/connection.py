"""PyGithub over sessions of our own: their CA bundle and proxy, no environment, no retries, and each request in its turn.

PyGithub makes its own `requests` sessions, which read proxies from the environment and take none as an argument.
`Requester.injectConnectionClasses` is its documented way in; called on a subclass, it changes nothing for others.
https://pygithub.readthedocs.io/en/stable/
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any

import requests
from github.Auth import Token
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from app.core.grant import Credential
from app.core.line.turns import READING, Act, Pace, counted_by

_REFUSALS = (403, 429)


class GitHubConnection:
    """A pool of connections to one API URL, shared by requesters that each carry a token of their own, and ask in its turn."""

    def __init__(
        self, *, api_url: str, ca_bundle: Path | None, proxy: str | None, pace: Pace, timeout_seconds: int = 15,
        download_seconds: float = 60.0,
    ) -> None:
        self._api_url = api_url.rstrip("/")
        self._verify: bool | str = True if ca_bundle is None else str(ca_bundle)
        self._timeout_seconds = timeout_seconds
        self._download_seconds = download_seconds
        self._proxy = proxy
        self._pace = pace
        self._pool = HTTPAdapter()
        self._elsewhere = self._prepared(requests.Session())

    def close(self) -> None:
        """Close the pool."""
        self._pool.close()

    def download(self, credential: Credential, path: str, limit_bytes: int) -> bytes:
        """Return a file that the API answers with a redirect for, its beginning and end where it is longer; the token goes to the API alone.

        Raises requests.RequestException, also for any answer that is neither, and for one that takes longer than a minute to come. https://docs.github.com/en/rest/actions/workflow-jobs#download-job-logs-for-a-workflow-run
        """
        token = credential.token.get_secret_value()
        headers = {"authorization": f"Bearer {token}", "accept": "application/vnd.github+json", "user-agent": "bellhop"}
        with self._get(self._session(credential), f"{self._api_url}{path}", headers) as answer:
            answer.raise_for_status()
            if answer.status_code != 302:
                return _read(answer, limit_bytes, self._download_seconds)
            place = answer.headers.get("location", "")
        # Whoever answers for the API says where the file is; plain HTTP only where the API itself is.
        if not place.startswith("https://") and not (place.startswith("http://") and self._api_url.startswith("http://")):
            raise requests.exceptions.InvalidURL("the file is said to be at no https address")
        with self._get(self._elsewhere, place, {"user-agent": "bellhop"}) as answer:
            answer.raise_for_status()
            if answer.status_code != 200:
                raise requests.HTTPError(f"the file's place answered {answer.status_code}", response=answer)
            return _read(answer, limit_bytes, self._download_seconds)

    def _get(self, session: requests.Session, url: str, headers: dict[str, str]) -> requests.Response:
        return session.get(
            url, headers=headers, timeout=self._timeout_seconds, verify=self._verify, allow_redirects=False, stream=True,
        )

    def requester(self, credential: Credential, *, is_spare: bool = False) -> Requester:
        """Return a requester that carries the credential's token; what it asks raises Paced where it is not its turn.

        `is_spare`: what it writes yields to what others write.
        """
        return _over(self._session(credential, "spare" if is_spare else "write"))(
            auth=Token(credential.token.get_secret_value()),
            base_url=self._api_url,
            timeout=self._timeout_seconds,
            user_agent="bellhop",
            per_page=100,
            verify=self._verify,
            retry=None,
            pool_size=None,
            seconds_between_requests=None,
            seconds_between_writes=None,
            lazy=True,
        )

    def _session(self, credential: Credential, writes_as: Act = "write") -> requests.Session:
        return self._prepared(_InTurn(self._pace, counted_by("github", credential.grant.repo), writes_as))

    def _prepared(self, session: requests.Session) -> requests.Session:
        session.trust_env = False
        session.auth = Requester.noopAuth
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        if self._proxy:
            session.proxies = {"http": self._proxy, "https": self._proxy}
        for scheme in ("https://", "http://"):
            session.mount(scheme, self._pool)
        return session


class _InTurn(requests.Session):
    """A session each of whose requests takes its turn, and tells what the answer says of limits."""

    def __init__(self, pace: Pace, who: str, writes_as: Act) -> None:
        super().__init__()
        self._pace = pace
        self._who = who
        self._writes_as = writes_as

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a request. Raises Paced."""
        act: Act = "read" if (request.method or "GET") in READING else self._writes_as
        with self._pace.turn(self._who, act) as turn:
            answer = super().send(request, **kwargs)
            headers = {name.lower(): value for name, value in answer.headers.items()}
            turn.heard(answer.status_code, headers, answer.text if answer.status_code in _REFUSALS else "")
            return answer


def _read(answer: requests.Response, limit_bytes: int, within_seconds: float) -> bytes:
    """Return a body, or of a longer one its first and last part. Raises requests.RequestException."""
    first, last, left_out, deadline = bytearray(), bytearray(), 0, time.monotonic() + within_seconds
    for chunk in _pieces(answer):
        if time.monotonic() > deadline:
            raise requests.exceptions.ReadTimeout(f"the file did not come within {within_seconds:.0f} s", response=answer)
        room = limit_bytes // 2 - len(first)
        first += chunk[:room]
        last += chunk[max(room, 0):]
        if (over := len(last) - limit_bytes // 2) > 0:
            left_out += over
            del last[:over]
    note = f"\n[{left_out} bytes in the middle were left out]\n".encode() if left_out else b""
    return bytes(first) + note + bytes(last)


def _pieces(answer: requests.Response) -> Iterator[bytes]:
    """Yield a body as it comes: whoever waits for a full buffer waits for each byte of one that dribbles."""
    try:
        while piece := answer.raw.read1(64 * 1024, decode_content=True):
            yield piece
    except (HTTPError, OSError) as error:
        raise requests.ConnectionError(error, response=answer) from error


def _over(session: requests.Session) -> type[Requester]:
    class Http(HTTPRequestsConnectionClass):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.session = session

        def close(self) -> None:
            """Leave the shared session open."""

    class Https(HTTPSRequestsConnectionClass):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.session = session

        def close(self) -> None:
            """Leave the shared session open."""

    class OverSession(Requester):
        pass

    OverSession.injectConnectionClasses(Http, Https)
    return OverSession
