"""Linear: sessions, labels and comments of issues in; activities, comments and states back."""

from __future__ import annotations

from app.ports import Conversation, Trigger
from app.settings import Settings
from triggers.linear.addressed import Bot
from triggers.linear.keep import SecretKeep
from triggers.linear.trigger import LinearTrigger


def bot_of(settings: Settings) -> Bot:
    """Return whom people in Linear address."""
    return Bot(login=settings.bot_login, name=settings.linear_bot_name, user_id=settings.linear_bot_user_id)


def trigger(settings: Settings) -> Trigger | None:
    """Return the inward side, or None where Linear is not set up."""
    if not settings.linear_webhook_secret.get_secret_value().strip():
        return None
    return LinearTrigger(settings.linear_webhook_secret, bot_of(settings))


def conversation(settings: Settings, keep: SecretKeep) -> Conversation | None:
    """Return the way back, or None where Linear is not set up; `keep` is where its tokens are. Raises ConfigurationError."""
    if not settings.linear_webhook_secret.get_secret_value().strip() and not settings.linear_client_id:
        return None
    # The web process receives and never replies.
    from triggers.linear.connection import LinearConnection  # noqa: PLC0415
    from triggers.linear.outbound import client, grants  # noqa: PLC0415
    from triggers.linear.reply import LinearConversation  # noqa: PLC0415
    from triggers.linear.tokens import LinearTokens  # noqa: PLC0415

    http = client(settings)
    tokens = LinearTokens(grants(settings, http), keep)
    return LinearConversation(LinearConnection(http, f"{settings.linear_api_url.rstrip('/')}/graphql", tokens), bot_of(settings))
