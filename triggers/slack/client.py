"""Slack's own client over connections of ours: its proxy and certificates, no environment, no redirects, bounded answers, no second attempts.

slack_sdk's client opens addresses by urllib, which reads proxies from the environment and follows redirects with the token.
https://docs.slack.dev/tools/python-slack-sdk/web
"""

from __future__ import annotations

import urllib.request
from http.client import HTTPMessage
from typing import IO, Any
from urllib.parse import urlsplit

from slack_sdk.web.client import WebClient

from app.core.line.turns import Pace, Unpaced
from app.errors import ServiceError
from app.settings import Settings
from triggers.slack.home import trusted
from triggers.slack.pacing import in_turn
from triggers.slack.quiet import silent

TIMEOUT_SECONDS = 15
ANSWER_LIMIT_BYTES = 8 * 1024 * 1024
FILES_HOST = "files.slack.com"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str) -> None:
        """Follow nothing: the token would go along."""


class SlackClient(WebClient):
    """A WebClient that several threads may share; it calls at a pace. `team_id` is the workspace that limits count by, once that is known."""

    def __init__(self, settings: Settings, pace: Pace | None = None) -> None:
        super().__init__(
            token=settings.slack_bot_token.get_secret_value(), base_url=settings.slack_api_url, timeout=TIMEOUT_SECONDS, logger=silent(), retry_handlers=[],
        )
        self.team_id = ""
        self._pace = pace or Unpaced()
        self.proxy = settings.outbound_proxy
        proxies = {} if settings.outbound_proxy is None else {"http": settings.outbound_proxy, "https": settings.outbound_proxy}
        # No proxies named: none, whatever the environment says.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler(proxies), urllib.request.HTTPSHandler(context=trusted(settings)), _NoRedirects(),
        )

    def api_call(self, api_method: str, **arguments: Any) -> Any:
        """Call a method when it is its turn. Raises Paced, and what the client raises."""
        with in_turn(self._pace, self.team_id, api_method, arguments):
            return super().api_call(api_method, **arguments)

    def _perform_urllib_http_request_internal(self, url: str, req: urllib.request.Request) -> dict[str, Any]:
        """Do what the client's own method of this name does, by our opener."""
        status, headers, body = self._opened(req, ANSWER_LIMIT_BYTES)
        return {"status": status, "headers": headers, "body": body.decode("utf-8", "replace")}

    def fetched(self, url: str, limit_bytes: int) -> bytes:
        """Return a file of Slack's own, bounded. Raises ServiceError for an address that is none of Slack's, and for one that is too large."""
        request = urllib.request.Request(self._own(url), headers={"Authorization": f"Bearer {self.token}", "User-Agent": "bellhop"})  # noqa: S310 - looked at
        return self._opened(request, limit_bytes)[2]

    def sent(self, url: str, content: bytes) -> None:
        """Send a file's bytes to where Slack wants them."""
        headers = {"Content-Type": "application/octet-stream", "User-Agent": "bellhop"}
        self._opened(urllib.request.Request(self._own(url), data=content, headers=headers, method="POST"), ANSWER_LIMIT_BYTES)  # noqa: S310 - likewise

    def _own(self, url: str) -> str:
        """Return an address of Slack's files, or of whoever answers for its API. Raises ServiceError."""
        asked, api = urlsplit(url), urlsplit(self.base_url)
        if (asked.scheme, asked.hostname) == ("https", FILES_HOST) or (asked.scheme, asked.netloc) == (api.scheme, api.netloc):
            return url
        raise ServiceError("Slack names an address for a file that is none of its own", reason="slack_answer", retryable=False)

    def _opened(self, request: urllib.request.Request, limit_bytes: int) -> tuple[int, HTTPMessage, bytes]:
        with self._opener.open(request, timeout=self.timeout) as answer:
            body: bytes = answer.read(limit_bytes + 1)
            if len(body) > limit_bytes:
                raise ServiceError(f"what Slack answers has more than {limit_bytes} bytes", reason="slack_too_large", retryable=False)
            return answer.status, answer.headers, body
