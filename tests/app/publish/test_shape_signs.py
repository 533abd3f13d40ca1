"""The cheap look before the thorough one: it may say yes for nothing, and never no for something."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from detect_secrets.plugins.base import RegexBasedDetector
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.publish.known_shapes import detectors, look
from app.publish.shape_signs import can_hold_a_shape

DETECTORS = [detector for detector in detectors() if isinstance(detector, RegexBasedDetector)]
PATTERNS = [pattern for detector in DETECTORS for pattern in detector.denylist]


def test_every_pattern_of_the_thorough_look_is_known_here() -> None:
    """A release of detect-secrets with other patterns fails here: look at each new one, then at shape_signs."""
    assert len(DETECTORS) == len(detectors())
    assert {type(detector).__name__: len(list(detector.denylist)) for detector in DETECTORS} == {
        "AWSKeyDetector": 2, "AzureStorageKeyDetector": 1, "DiscordBotTokenDetector": 1, "GitHubTokenDetector": 1, "GitLabTokenDetector": 7,
        "NpmDetector": 1, "OpenAIDetector": 1, "PrivateKeyDetector": 8, "PypiTokenDetector": 2, "SendGridDetector": 1, "SlackDetector": 2,
        "SquareOAuthDetector": 1, "StripeDetector": 1, "TelegramBotTokenDetector": 1, "TwilioKeyDetector": 2,
    }


@pytest.mark.parametrize("pattern", PATTERNS, ids=range(len(PATTERNS)))
def test_t63_whatever_a_pattern_matches_is_looked_at(pattern: re.Pattern[str]) -> None:
    @settings(max_examples=30, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.from_regex(pattern), st.sampled_from(["", "x", "\u0130", "1"]))
    def holds(text: str, around: str) -> None:
        lines = [line for line in f"{around}{text}{around}".split("\n") if pattern.search(line)]
        assert not lines or can_hold_a_shape(["", *lines])

    holds()


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.lists(st.one_of(
    st.sampled_from(["aws", "KEY", "token", " = '", "'", "AKIA", "x" * 40, "A" * 16, "ghp_", "0" * 36, ":", "12345678", ".", "SK", "a" * 32, "\u017f"]),
    st.text(max_size=5),
), max_size=8).map("".join))
def test_t63_no_is_never_said_where_the_thorough_look_finds_something(line: str) -> None:
    line = line.replace("\n", " ")
    if list(look([("a", 1, line)])):
        assert can_hold_a_shape([line])


def test_ordinary_code_is_not_looked_at_thoroughly() -> None:
    with Path(__file__).open(encoding="utf-8") as this:
        code = [line for line in this if "sampled_from" not in line]
    assert not can_hold_a_shape([line for line in code if "Detector" not in line])
    assert not can_hold_a_shape(["def a(value):", "    return self.client.get('https://example.org/a/b?c=d')", '"sha512-' + "a" * 86 + '=="'])
