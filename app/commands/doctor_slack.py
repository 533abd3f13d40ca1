"""What `bellhop doctor` asks of Slack: that it can ring, whose token it is, and what that may do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from app.commands.finding import Finding, several_processes
from app.core.profile import Profile
from app.errors import BellhopError
from app.settings import Settings

SET_UP = "docs/slack.md"
# What the manifest of docs/slack.md asks for; without the last one less is shown, and nothing breaks.
SCOPES = ("app_mentions:read", "channels:history", "chat:write", "commands", "files:read", "groups:history", "im:history", "im:write", "reactions:read", "users:read")
SPARE = ("files:write",)


def look_at_slack(settings: Settings, profiles: Mapping[str, Profile]) -> Iterator[Finding]:
    """Yield what is found; nothing is missing where neither the settings nor a profile speak of Slack."""
    waits = sorted(name for name, profile in profiles.items() if profile.on.slack is not None)
    has_http, has_socket, has_token = (
        bool(each.get_secret_value().strip()) for each in (settings.slack_signing_secret, settings.slack_app_token, settings.slack_bot_token)
    )
    if not (has_http or has_socket or has_token or waits):
        yield Finding("Slack", "off", "not set up, and no profile says `on: slack:`")
        return
    yield _door(settings, waits, has_http=has_http, has_socket=has_socket)
    if has_token:
        yield from _token(settings)
    else:
        yield Finding("Slack's bot", "missing", "its token is not set", f"set BELLHOP_SLACK_BOT_TOKEN ({SET_UP})")


def _door(settings: Settings, waits: list[str], *, has_http: bool, has_socket: bool) -> Finding:
    ways = [way for way, is_there in (("at /hooks/slack", has_http), ("over Socket Mode", has_socket)) if is_there]
    if ways:
        rings = f"{', '.join(waits)} wait{'s' if len(waits) == 1 else ''} for it" if waits else "no profile says `on: slack:`"
        return Finding("Slack's door", "ok", f"{' and '.join(ways)}; {rings}")
    if several_processes(settings):
        return Finding("Slack's door", "off", "neither its secret nor its app token is given to this process: web has them")
    return Finding("Slack's door", "missing", "Slack cannot ring", f"set BELLHOP_SLACK_SIGNING_SECRET, or BELLHOP_SLACK_APP_TOKEN for Socket Mode ({SET_UP})")


def _token(settings: Settings) -> Iterator[Finding]:
    # Nobody who does not use Slack waits for its client.
    from triggers.slack.reply import SlackConversation

    try:
        conversation = SlackConversation(settings)
        found, scopes = conversation.installed(), conversation.scopes()
    except BellhopError as error:
        yield Finding("Slack's bot", "missing", str(error), SET_UP)
        return
    yield Finding("Slack's bot", "ok", f"{found.bot_user_id} in the workspace {found.team_id} ({found.url})")
    lacks = [each for each in SCOPES if each not in scopes]
    if lacks:
        yield Finding("Slack's scopes", "missing", f"the bot's token lacks {', '.join(lacks)}", "add them at the App's `OAuth & Permissions`, and install it again")
        return
    spare = [each for each in SPARE if each not in scopes]
    yield Finding("Slack's scopes", "ok", "all that is needed" + (f"; without {', '.join(spare)}, less is shown" if spare else ""))
