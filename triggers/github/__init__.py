"""GitHub: issues and comments in, comments and pull requests back."""

from __future__ import annotations

from app.core.line.turns import Pace
from app.ports import Service, Trigger
from app.settings import Settings
from triggers.github.trigger import GitHubTrigger


def trigger(settings: Settings) -> Trigger:
    """Return the inward side. Raises ConfigurationError when the webhook secret is empty."""
    return GitHubTrigger(settings.github_webhook_secret)


def service(settings: Settings, pace: Pace | None) -> Service:
    """Return the reply side, which asks GitHub at this pace."""
    # The web process receives and never replies: it need not load PyGithub.
    from triggers.github.reply import GitHubService  # noqa: PLC0415

    return GitHubService(
        api_url=settings.github_api_url,
        web_url=settings.github_web_url,
        bot_login=settings.bot_login,
        ca_bundle=settings.ca_bundle,
        proxy=settings.outbound_proxy,
        pace=pace,
    )
