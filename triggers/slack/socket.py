"""Socket Mode: the same deliveries over a connection that this host opens. https://docs.slack.dev/apis/events-api/using-socket-mode"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from pydantic import SecretStr
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp

from triggers.slack.quiet import terse


@asynccontextmanager
async def listening(app: AsyncApp, token: SecretStr, proxy: str | None) -> AsyncIterator[None]:
    """Listen for the block, and connect again whenever the connection is lost; what is not acknowledged at its end comes again.

    Slack's client connects in the background, so that a Slack that cannot be reached holds nobody up.
    """
    handler = AsyncSocketModeHandler(app, token.get_secret_value(), logger=terse(), web_client=app.client, proxy=proxy)
    # Given none, the client has looked into the environment.
    handler.client.proxy = proxy
    connecting = asyncio.create_task(handler.connect_async())  # type: ignore[no-untyped-call]  # Bolt says no types here
    try:
        yield
    finally:
        connecting.cancel()
        with suppress(asyncio.CancelledError):
            await connecting
        await handler.close_async()  # type: ignore[no-untyped-call]  # likewise
