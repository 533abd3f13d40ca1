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
