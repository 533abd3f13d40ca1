"""The furthest that a result goes by itself: GitHub is asked to merge it once its checks are green, and never anything red or unverified."""

from __future__ import annotations

from app.core.grant import Credential
from app.core.outcome import VerifyResult
from app.core.run import Run
from app.errors import ServiceError
from app.ports import Service


def why_not_merged(verify: VerifyResult | None, *, is_draft: bool) -> str:
    """Return why a result of this profile is left for a person to merge, or an empty string."""
    if verify is None:
        return "nothing has verified it"
    if not verify.passed:
        return "its verification failed"
    return "it is a draft" if is_draft else ""


def merge_when_green(
    service: Service, credential: Credential, run: Run, number: int, commit: str, verify: VerifyResult | None, *, is_draft: bool
) -> str:
    """Have GitHub merge the pull request at exactly this commit once its checks are green; return what became of that, in words.

    An empty string where the profile asks for no such thing. Raises ServiceError where it may yet succeed.
    """
    if run.profile.autonomy != "merge":
        return ""
    if why := why_not_merged(verify, is_draft=is_draft):
        return f"It is not merged by itself: {why}."
    try:
        service.merge_when_green(credential, run.event.repo, number, commit, run.profile.pull_request.merge_method)
    except ServiceError as error:
        if error.retryable:
            raise
        return f"It is not merged by itself, GitHub would not take it on: {error}"
    return "GitHub merges it once its checks are green."
