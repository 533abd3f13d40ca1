"""PyGithub over one session of our own: its CA bundle and proxy, no environment, no sleeping, no retries.

PyGithub makes its own `requests` sessions, which read proxies from the environment and take none as an argument.
`Requester.injectConnectionClasses` is its documented way in; called on a subclass, it changes nothing for others.
https://pygithub.readthedocs.io/en/stable/
"""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any

import requests
from github.Auth import Token
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester
from pydantic import SecretStr


class GitHubConnection:
    """A pool of connections to one API URL, shared by requesters that each carry a token of their own."""

    def __init__(
        self, *, api_url: str, ca_bundle: Path | None, proxy: str | None, timeout_seconds: int = 15
    ) -> None:
        self._api_url = api_url.rstrip("/")
        self._verify: bool | str = True if ca_bundle is None else str(ca_bundle)
        self._timeout_seconds = timeout_seconds
        session = requests.Session()
        session.trust_env = False
        session.auth = Requester.noopAuth
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        if proxy:
            session.proxies = {"http": proxy, "https": proxy}
        self._session = session
        self._requester = _over(session)

    def close(self) -> None:
        """Close the pool."""
        self._session.close()

    def download(self, token: SecretStr, path: str, limit_bytes: int) -> bytes:
        """Return a file that the API answers with a redirect for, its beginning and end where it is longer; the token goes to the API alone.

        Raises requests.RequestException, also for any answer that is neither. https://docs.github.com/en/rest/actions/workflow-jobs#download-job-logs-for-a-workflow-run
        """
        headers = {"authorization": f"Bearer {token.get_secret_value()}", "accept": "application/vnd.github+json", "user-agent": "bellhop"}
        with self._get(f"{self._api_url}{path}", headers) as answer:
            answer.raise_for_status()
            if answer.status_code != 302:
                return _read(answer, limit_bytes)
            place = answer.headers.get("location", "")
        # Whoever answers for the API says where the file is; plain HTTP only where the API itself is.
        if not place.startswith("https://") and not (place.startswith("http://") and self._api_url.startswith("http://")):
            raise requests.exceptions.InvalidURL("the file is said to be at no https address")
        with self._get(place, {"user-agent": "bellhop"}) as answer:
            answer.raise_for_status()
            if answer.status_code != 200:
                raise requests.HTTPError(f"the file's place answered {answer.status_code}", response=answer)
            return _read(answer, limit_bytes)

    def _get(self, url: str, headers: dict[str, str]) -> requests.Response:
        return self._session.get(
            url, headers=headers, timeout=self._timeout_seconds, verify=self._verify, allow_redirects=False, stream=True,
        )

    def requester(self, token: SecretStr) -> Requester:
        """Return a requester that carries `token`; waiting is the caller's business, so nothing here sleeps."""
        return self._requester(
            auth=Token(token.get_secret_value()),
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


def _read(answer: requests.Response, limit_bytes: int) -> bytes:
    """Return a body, or of a longer one its first and last part."""
    first, last, left_out = bytearray(), bytearray(), 0
    for chunk in answer.iter_content(64 * 1024):
        room = limit_bytes // 2 - len(first)
        first += chunk[:room]
        last += chunk[max(room, 0):]
        if (over := len(last) - limit_bytes // 2) > 0:
            left_out += over
            del last[:over]
    note = f"\n[{left_out} bytes in the middle were left out]\n".encode() if left_out else b""
    return bytes(first) + note + bytes(last)


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
