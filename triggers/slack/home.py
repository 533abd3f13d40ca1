"""Which workspace a bot token belongs to, asked once, and what else has to be asked of Slack while somebody waits at the door."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

import structlog
from aiohttp import ClientError
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from app.errors import ConfigurationError, LedgerUnavailable
from app.settings import Settings
from triggers.slack.form import view
from triggers.slack.installation import Installation
from triggers.slack.quiet import silent

log = structlog.get_logger()

# Slack itself waits three seconds: https://docs.slack.dev/interactivity/handling-user-interaction#acknowledgment_response
ASK_SECONDS = 2


def trusted(settings: Settings) -> ssl.SSLContext:
    """Return whom to trust as Slack. Raises ConfigurationError for a bad CA bundle."""
    try:
        return ssl.create_default_context(cafile=None if settings.ca_bundle is None else str(settings.ca_bundle))
    except OSError as error:
        raise ConfigurationError(f"BELLHOP_CA_BUNDLE ({settings.ca_bundle}) cannot be read as certificates in PEM form: {error}") from error


def async_client(settings: Settings) -> AsyncWebClient:
    """Return a client for the Web API that reads nothing from the environment, logs nothing and tries nothing twice."""
    made = AsyncWebClient(
        token=settings.slack_bot_token.get_secret_value(), base_url=settings.slack_api_url, timeout=ASK_SECONDS, ssl=trusted(settings),
        logger=silent(), retry_handlers=[],
    )
    # Given none, the client has looked into the environment.
    made.proxy = settings.outbound_proxy
    return made


class Home:
    """The workspace, as Slack says once it could be asked; one for each web process."""

    def __init__(self, settings: Settings) -> None:
        self.client = async_client(settings)
        self._name = settings.bot_login.removesuffix("[bot]")
        self._known: Installation | None = None
        self._asking = asyncio.Lock()

    async def installed(self) -> Installation:
        """Return where the App is installed. Raises LedgerUnavailable while Slack does not say, so that it sends again."""
        if self._known is None:
            async with self._asking:
                if self._known is None:
                    self._known = await self._ask()
        return self._known

    async def _ask(self) -> Installation:
        said = await self._called("auth.test", {})
        if said is None:
            raise LedgerUnavailable("Slack does not say which workspace this is: send it again", reason="slack_unreachable")
        return Installation(
            team_id=str(said.get("team_id")), bot_user_id=str(said.get("user_id")), bot_id=str(said.get("bot_id") or ""),
            url=str(said.get("url") or ""), name=self._name,
        )

    async def open_form(self, trigger_id: str, channel: str) -> bool:
        """Open the form for a new run, asked for in a channel, and return whether Slack has opened it."""
        return await self._called("views.open", {"trigger_id": trigger_id, "view": view(channel, self._name)}) is not None

    async def _called(self, method: str, members: dict[str, Any]) -> Mapping[str, Any] | None:
        """Call a method and return its answer, or None with a line in the log: nobody can wait for a second attempt."""
        try:
            answer = await self.client.api_call(method, json=members)
        except (SlackClientError, ClientError, TimeoutError, OSError) as error:
            response = getattr(error, "response", None)
            reason = response.get("error") if response is not None and not isinstance(response, str) else type(error).__name__
            log.warning("slack_call_failed", method=method, reason=str(reason)[:100])
            return None
        data = answer.data
        return data if isinstance(data, Mapping) else None
