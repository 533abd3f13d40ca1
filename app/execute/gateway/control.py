"""The worker's side of the control socket: GatewayControl over HTTP."""

from __future__ import annotations

import json
import socket
import ssl
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from app.core.grant import Credential
from app.errors import ServiceError

_TIMEOUT = httpx.Timeout(15.0, connect=2.0)


class GatewayClient:
    """Talks to this host's gateway through the control socket at `path`; safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self, sandbox_id: str) -> Path:
        """Open the door of a sandbox that the ledger knows and return its directory on the host. Raises ServiceError."""
        return Path(str(self._ask("POST", f"/doors/{sandbox_id}")["directory"]))

    def close(self, sandbox_id: str) -> None:
        """Close the door and remove its directory; one that is closed is no error. Raises ServiceError."""
        self._ask("DELETE", f"/doors/{sandbox_id}")

    def token(self, sandbox_id: str, credential: Credential | None, why: str = "") -> None:
        """Give an open door its read token, or say why there is none. Raises ServiceError (also: the door is closed)."""
        said: dict[str, object] = {"id": "", "token": "", "expires_at": 0.0, "why": why}
        if credential is not None:
            said |= {
                "id": credential.id, "token": credential.token.get_secret_value(), "expires_at": _seconds(credential.expires_at),
            }
        self._ask("PUT", f"/doors/{sandbox_id}/token", said)

    def health(self) -> int:
        """Return how many doors are open. Raises ServiceError."""
        return int(self._ask("GET", "/health")["doors"])

    def _probe(self) -> None:
        # httpcore leaks the socket of a unix connection that fails, so the usual failures are met here.
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_TIMEOUT.connect)
            probe.connect(str(self._path))

    def _ask(self, method: str, path: str, body: dict[str, object] | None = None) -> dict[str, Any]:
        # No TLS on a unix socket: an empty context spares reading the host's certificates on every call.
        transport = httpx.HTTPTransport(uds=str(self._path), verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        try:
            self._probe()
            with httpx.Client(transport=transport, base_url="http://gateway", timeout=_TIMEOUT, trust_env=False) as client:
                response = client.request(method, path, json=body)
        except (OSError, httpx.TransportError) as error:
            raise ServiceError(
                f"this host's gateway does not answer at {self._path} ({type(error).__name__}): start it with "
                "`bellhop gateway`, as the same user and with the same BELLHOP_RUNTIME_DIR as the worker",
                reason="gateway_unreachable",
            ) from error
        try:
            answer = response.json() if response.content else {}
        except json.JSONDecodeError:
            answer = None
        said = answer if isinstance(answer, dict) else {}
        if not response.is_success or answer is not said:
            raise ServiceError(
                f"the gateway refused {method} {path}: {said.get('message') or response.status_code}",
                status=response.status_code, reason=str(said.get("reason", "gateway")),
                retryable=response.status_code >= 500,
            )
        return said


def _seconds(expires_at: str) -> float:
    """Return a service's ISO 8601 time in seconds since 1970; one that cannot be read is over already."""
    try:
        return datetime.fromisoformat(expires_at).timestamp()
    except ValueError:
        return 0.0
