"""Looks for what has the shape of a credential; run as a script of its own: JSON lines [path, number, text] in, found out.

A process of its own because it applies somebody else's patterns to an agent's text: its time and memory are bounded from
outside. The patterns are those of detect-secrets (https://github.com/Yelp/detect-secrets) that know a vendor's own
format; nothing is asked over a network. Left out, because ordinary code and tests are full of them: high entropy,
words such as `password`, basic authentication in URLs, JSON Web Tokens, addresses.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator

from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.base import BasePlugin
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.npm import NpmDetector
from detect_secrets.plugins.openai import OpenAIDetector
from detect_secrets.plugins.private_key import PrivateKeyDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.stripe import StripeDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from detect_secrets.plugins.twilio import TwilioKeyDetector

MOST_FOUND = 20

# No vendor's credential is longer than the overlap.
_PIECE, _OVERLAP = 2048, 512

Line = tuple[str, int, str]


def detectors() -> tuple[BasePlugin, ...]:
    """Return the detectors that are asked."""
    return (
        AWSKeyDetector(), AzureStorageKeyDetector(), DiscordBotTokenDetector(), GitHubTokenDetector(), GitLabTokenDetector(),
        NpmDetector(), OpenAIDetector(), PrivateKeyDetector(), PypiTokenDetector(), SendGridDetector(), SlackDetector(),
        SquareOAuthDetector(), StripeDetector(), TelegramBotTokenDetector(), TwilioKeyDetector(),
    )


def look(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield (path, line number, kind) of what has a credential's shape; never the value."""
    asked = detectors()
    for path, number, text in lines:
        for detector in asked:
            if isinstance(detector, NpmDetector) and ":_authToken" not in text:
                # Its pattern takes its time with a text of slashes.
                continue
            if any(next(iter(detector.analyze_string(piece)), None) is not None for piece in pieces(text)):
                yield path, number, str(detector.secret_type)
                break


def pieces(text: str) -> Iterator[str]:
    """Yield a line in overlapping pieces: some patterns take a time that grows with the square of what they are given."""
    for start in range(0, max(1, len(text) - _OVERLAP), _PIECE - _OVERLAP):
        yield text[start : start + _PIECE]


def main() -> None:
    """Answer for what stands on standard input."""
    for count, found in enumerate(look(json.loads(line) for line in sys.stdin)):
        if count >= MOST_FOUND:
            return
        sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
