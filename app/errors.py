"""The one exception tree: every error carries a `reason` slug and says whether trying again can help."""

from __future__ import annotations


class BellhopError(Exception):
    """Something went wrong that somebody can act on.

    `str(error)` says what happened and what to do about it, for the person who reads it.
    `reason` is a stable slug for logs and metrics; `retryable` tells the sweeper whether the same
    step may succeed later; `who` names who should act: the `person` who rang, the `operator` of this
    Bellhop, or `nobody` (Bellhop itself tries again).
    """

    reason = "error"
    retryable = False
    who = "operator"
    # What the other side asked us to wait, where it said so.
    retry_after_seconds: float | None = None
    # Whether it said how long; where it did not, each further attempt waits twice as long.
    is_wait_stated = True

    def __init__(self, message: str, *, reason: str | None = None, retryable: bool | None = None) -> None:
        super().__init__(message)
        if reason is not None:
            self.reason = reason
        if retryable is not None:
            self.retryable = retryable


class ConfigurationError(BellhopError):
    """A setting is missing or contradicts another; Bellhop refuses to start."""

    reason = "configuration"


class ProfileError(BellhopError):
    """A profile does not say what it must; the message points at file, line and key."""

    reason = "profile"


class Unsupported(BellhopError):
    """Asked for something that this backend, or this version, does not do."""

    reason = "unsupported"


class DeliveryRefused(BellhopError):
    """A webhook delivery that must not be accepted; `status` is the HTTP answer (400, 401 or 413)."""

    reason = "delivery_refused"
    who = "operator"

    def __init__(self, message: str, *, status: int, reason: str) -> None:
        super().__init__(message, reason=reason)
        self.status = status


class LedgerUnavailable(BellhopError):
    """The database did not take a write in time; the sender should send again."""

    reason = "ledger_unavailable"
    retryable = True


class LeaseLost(BellhopError):
    """Another worker took this run over (its fencing epoch moved on); whoever sees this stops at once."""

    reason = "lease_lost"
    who = "nobody"


class SandboxUnavailable(BellhopError):
    """The machinery of a sandbox broke or is missing; never a failure of the command that ran in it."""

    reason = "sandbox_unavailable"
    retryable = True


class SandboxRefused(BellhopError):
    """A sandbox cannot keep a guarantee that the profile requires, so it was not started."""

    reason = "sandbox_refused"


class ToolingError(BellhopError):
    """The `/agent` tree cannot be built or does not verify."""

    reason = "tooling"


class SetupFailed(BellhopError):
    """A profile's `setup:` did not end well; the message holds its last lines."""

    reason = "setup_failed"
    who = "person"


class WorkspaceError(BellhopError):
    """The repository could not be fetched or laid out for a run."""

    reason = "workspace"
    retryable = True


class ServiceError(BellhopError):
    """An outside service (GitHub, a model API) answered with an error; `status` is its HTTP status, 0 for none."""

    reason = "service"
    retryable = True

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        reason: str | None = None,
        retryable: bool | None = None,
        retry_after_seconds: float | None = None,
        is_wait_stated: bool = True,
    ) -> None:
        super().__init__(message, reason=reason, retryable=retryable)
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.is_wait_stated = is_wait_stated


class Paced(ServiceError):
    """A service was not asked, because it is not yet our turn; trying again after `retry_after_seconds` is no further attempt."""

    reason = "not_our_turn"
    who = "nobody"


class GrantRefused(BellhopError):
    """The service would not mint the credential that a grant asks for."""

    reason = "grant_refused"


class PublishRefused(BellhopError):
    """The agent's result may not be published as it is (hostile objects, policy, moved branch)."""

    reason = "publish_refused"
    who = "person"
