"""What went wrong at Slack, in our own words: one ServiceError for whatever its client raises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError

from slack_sdk.errors import SlackApiError, SlackClientError

from app.core.line.throttle import is_stated, retry_after_seconds
from app.errors import Paced, ServiceError

_TOKEN = frozenset({"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "org_login_required"})
# https://docs.slack.dev/reference/methods/chat.postMessage#errors
NO_PLACE = frozenset({
    "not_in_channel", "channel_not_found", "is_archived", "user_not_in_channel", "restricted_action", "restricted_action_thread_locked",
    "restricted_action_read_only_channel", "cannot_reply_to_message", "messages_tab_disabled", "user_disabled",
})
GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed", "update_failed"})
TOO_LONG = frozenset({"msg_too_long", "msg_blocks_too_long", "invalid_blocks", "invalid_blocks_format"})
_PASSING = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"})


class SlackSaidNo(ServiceError):
    """Slack refused a call; `said` is its own slug for why."""

    def __init__(self, message: str, said: str, **more: Any) -> None:
        super().__init__(message, **more)
        self.said = said


@contextmanager
def as_service_error(what: str) -> Iterator[None]:
    """Turn what Slack's client raises within the block into a ServiceError about `what`."""
    try:
        yield
    except SlackApiError as error:
        raise _of_answer(what, error) from error
    except HTTPError as error:
        raise ServiceError(f"{what}: Slack answered {error.code}", status=error.code, reason="slack_down", retryable=error.code >= 500) from error
    except (OSError, HTTPException) as error:
        raise ServiceError(
            f"{what}: Slack cannot be reached ({type(error).__name__}); check BELLHOP_SLACK_API_URL, BELLHOP_OUTBOUND_PROXY and BELLHOP_CA_BUNDLE",
            reason="slack_unreachable",
        ) from error
    except (SlackClientError, KeyError, TypeError, ValueError) as error:
        raise ServiceError(f"{what}: Slack's answer cannot be read ({type(error).__name__})", reason="slack_answer", retryable=False) from error


def limit_said(error: SlackApiError) -> tuple[int, dict[str, str], str]:
    """Return an answer's status, its headers and Slack's own slug; the older word for a limit comes with a status of 200, and counts as 429.

    https://docs.slack.dev/apis/web-api/rate-limits
    """
    response: Any = error.response
    data: Mapping[str, Any] = response.data if isinstance(response.data, dict) else {}
    said = str(data.get("error") or f"HTTP {response.status_code}")[:80]
    headers = {str(name).lower(): str(value) for name, value in dict(response.headers).items()}
    return 429 if said in ("ratelimited", "rate_limited") else int(response.status_code), headers, said


def _of_answer(what: str, error: SlackApiError) -> ServiceError:
    response: Any = error.response
    data: Mapping[str, Any] = response.data if isinstance(response.data, dict) else {}
    status, headers, said = limit_said(error)
    wait_seconds = retry_after_seconds(status, headers, said, 0.0)
    if wait_seconds is not None:
        # Nothing was done, and whoever comes next waits as well: no attempt of anybody's.
        return Paced(
            f"{what}: Slack asks us to wait {wait_seconds:.0f} s", status=status, reason="slack_rate_limited", retry_after_seconds=wait_seconds,
            is_wait_stated=is_stated(headers),
        )
    reason, advice, retryable = _meant(said, status, data)
    return SlackSaidNo(f"{what}: {advice} (Slack said {said})", said, status=status, reason=reason, retryable=retryable)


def _meant(said: str, status: int, data: Mapping[str, Any]) -> tuple[str, str, bool]:
    if said in _TOKEN:
        return "slack_unauthorized", "the bot's token does not hold: install the App again and set BELLHOP_SLACK_BOT_TOKEN", False
    if said == "missing_scope":
        return "slack_scope", f"give the App the scope {str(data.get('needed'))[:200]} and install it again", False
    if said in NO_PLACE:
        return "slack_no_place", "the bot cannot write there: invite it to the channel, which must not be archived", False
    if said in _PASSING or status >= 500:
        return "slack_down", "Slack is in trouble", True
    return "slack_refused", "Slack refused", False
