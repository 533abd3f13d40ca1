"""Merging once the checks are green: GitHub's own auto-merge, which only its GraphQL knows.

https://docs.github.com/en/pull-requests/collaborating-with-pull-requests/incorporating-changes-from-a-pull-request/automatically-merging-a-pull-request
"""

from __future__ import annotations

from github.PullRequest import PullRequest


def merge_when_green(pull: PullRequest, commit: str, method: str) -> None:
    """Ask for it, bound to the head `commit`; one that is asked for already stays.

    GitHub refuses where the repository does not allow it, and where nothing is missing any more ("clean status"): nothing is merged
    here and now in its place. https://docs.github.com/en/graphql/reference/mutations#enablepullrequestautomerge
    """
    if pull.raw_data.get("auto_merge") is None and not pull.merged:
        pull.enable_automerge(merge_method=method.upper(), expected_head_oid=commit)


def stop_merging(pull: PullRequest) -> None:
    """Take it back, if it was asked for. https://docs.github.com/en/graphql/reference/mutations#disablepullrequestautomerge"""
    if pull.raw_data.get("auto_merge") is not None:
        pull.disable_automerge()
