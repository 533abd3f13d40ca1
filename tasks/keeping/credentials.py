"""Taking back what is left of live credentials: of processes that were killed, and of sandboxes that are over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog

from app.core.grant import Credential
from app.errors import BellhopError
from app.ledger import audit, sandboxes
from tasks.parts import Parts

log = structlog.get_logger()

# Past its end by so much, whatever clock is wrong, a token that cannot be revoked is dead all the same.
_DEAD_AFTER = timedelta(minutes=15)


def revoke_left(parts: Parts) -> None:
    """Revoke every credential on file whose owner is dead: its process, or the sandbox that it was for."""
    for kept in parts.vault.left():
        if kept.sandbox_id:
            with parts.database.read() as tx:
                row = sandboxes.load(tx, kept.sandbox_id)
            if row is not None and row.state in ("opening", "open"):
                continue
        # Nobody is asked meanwhile, and every try would be on record.
        if parts.wait_seconds(kept.credential.grant.repo, "read") > 0:
            continue
        take_back(parts, kept.credential, note=", left over")


def revoke_of_sandbox(parts: Parts, sandbox_id: str) -> None:
    """Revoke what a sandbox's door was given; what fails stays on file for the sweeper."""
    with parts.vault.handing_over(sandbox_id):
        for credential in parts.vault.of_sandbox(sandbox_id):
            take_back(parts, credential)


def take_back(parts: Parts, credential: Credential, *, note: str = "") -> None:
    """Revoke one credential and put that on record. Raises nothing: what fails stays on file, and is tried again."""
    grant = credential.grant
    verdict = "ok"
    try:
        parts.minter.revoke(credential)
    except BellhopError as error:
        verdict = error.reason
        log.warning("revoke_failed", credential=credential.id, reason=error.reason)
        if _is_dead(credential):
            verdict = "expired"
            parts.vault.forget(credential.id)
    with parts.database.begin() as tx:
        audit.record(
            tx, run_id=audit.run_of(tx, credential.id), credential_id=credential.id, action=f"revoke {grant.purpose}",
            target=f"{grant.repo.full_name} {grant.says}{note}", verdict=verdict,
        )


def _is_dead(credential: Credential) -> bool:
    try:
        return datetime.fromisoformat(credential.expires_at) + _DEAD_AFTER < datetime.now(UTC)
    except (ValueError, TypeError):
        return False
