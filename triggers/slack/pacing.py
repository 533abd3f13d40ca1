"""When Slack may be called: messages of one channel a second apart, and nothing that Slack has asked us to wait with.

A limit is that of a method in a workspace; of methods that write a new message, that of the channel. https://docs.slack.dev/apis/web-api/rate-limits
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from slack_sdk.errors import SlackApiError

from app.core.line.turns import Pace, counted_in
from triggers.slack.failures import limit_said
from triggers.slack.installation import SOURCE

# What makes a new message is limited by the channel: https://docs.slack.dev/reference/methods/chat.postMessage#rate_limiting
POSTING = frozenset({"chat.postMessage", "chat.postEphemeral", "files.completeUploadExternal"})
# An edit counts by its method, and people read it in the channel all the same.
WRITING = POSTING | {"chat.update"}


@contextmanager
def in_turn(pace: Pace, team_id: str, method: str, arguments: Mapping[str, Any]) -> Iterator[None]:
    """Take the turns that one call takes, and keep what Slack says of its limits. Raises Paced."""
    channel = _channel(arguments) if method in WRITING else ""
    with ExitStack() as stack:
        of_method = stack.enter_context(pace.turn(f"{SOURCE} {team_id} {method}", "read"))
        of_channel = stack.enter_context(pace.turn(counted_in(f"{SOURCE}:{team_id}/{channel}/"), "write")) if channel else of_method
        limited = of_channel if method in POSTING else of_method
        try:
            yield
        except SlackApiError as error:
            limited.heard(*limit_said(error))
            raise
        limited.heard(200, {}, "")


def _channel(arguments: Mapping[str, Any]) -> str:
    found = (arguments[part] for part in ("json", "params", "data") if isinstance(arguments.get(part), Mapping))
    return next((str(members[name]) for members in found for name in ("channel", "channel_id") if members.get(name)), "")
