"""Bellhop's side of the protocol: it hears what the agent does, and lets it; the sandbox is what keeps it within bounds."""

from __future__ import annotations

from typing import Any

from acp import RequestError  # type: ignore[import-not-found]
from acp.schema import AllowedOutcome, DeniedOutcome, RequestPermissionResponse  # type: ignore[import-not-found]

from .steps import Narrator, emit


class SandboxClient:
    """Has no files and no terminal to offer: the agent has its own, in the same sandbox."""

    def __init__(self, narrator: Narrator) -> None:
        self._narrator = narrator
        # An agent that takes a session up again tells it all once more.
        self.listens = True

    async def session_update(self, session_id: str, update: Any, **more: Any) -> None:
        """Put an update into the transcript."""
        del session_id, more
        if self.listens:
            for said in self._narrator.hear(update.model_dump(mode="json", by_alias=True, exclude_none=True)):
                emit(said)

    async def request_permission(self, session_id: str, tool_call: Any, options: list[Any], **more: Any) -> Any:
        """Allow it, for the whole session where that can be had."""
        del session_id, tool_call, more
        for kind in ("allow_always", "allow_once"):
            for option in options:
                if option.kind == kind:
                    return RequestPermissionResponse(outcome=AllowedOutcome(option_id=option.option_id, outcome="selected"))
        return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))

    async def ext_method(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Refuse what an agent asks beyond the protocol, as the protocol says."""
        del params
        raise RequestError.method_not_found(method)

    async def ext_notification(self, method: str, params: dict[str, Any]) -> None:
        """Pass over it."""
