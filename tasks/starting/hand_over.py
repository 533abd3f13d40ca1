"""Giving a sandbox's door the token that it asks for: to read the run's own repository, and no other."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog

from app.core.grant import Credential
from app.core.run import Run
from app.errors import BellhopError
from app.ledger import read_tokens, runs
from app.ledger.read_tokens import Wish
from tasks.keeping.credentials import take_back
from tasks.pacing import piece_of_work
from tasks.parts import Parts
from tasks.starting.entitle import entitled_grant

log = structlog.get_logger()

# What a door has of an earlier worker is given again while it lasts so long: a gateway that restarts has forgotten it.
_LASTS = timedelta(minutes=5)


def hand_over(parts: Parts, run_id: str) -> None:
    """Answer what the doors of this run ask for; safe to repeat. What fails and may pass is asked for again by the sweep."""
    with parts.database.read() as tx:
        wishes = read_tokens.wanted(tx, parts.settings.host_name, run_id)
        run = runs.load(tx, run_id) if wishes else None
    if run is None:
        return
    for wish in wishes:
        try:
            with piece_of_work():
                _answer(parts, run, wish)
        except BellhopError as error:
            log.warning("token_not_handed_over", sandbox_id=wish.sandbox_id, reason=error.reason, error=str(error))
            if error.retryable:
                continue
            # The agent gets an honest no at once, instead of waiting for what will not come.
            with suppress(BellhopError):
                parts.gateway.token(wish.sandbox_id, None, why=str(error))
        with parts.database.begin() as tx:
            read_tokens.answered(tx, wish)


def _answer(parts: Parts, run: Run, wish: Wish) -> None:
    # Two workers that are woken by one wish must not mint two tokens.
    with parts.vault.handing_over(wish.sandbox_id):
        held = parts.vault.of_sandbox(wish.sandbox_id)
        chosen = next((each for each in held if each.id != wish.refused_id and _lasts(each)), None)
        chosen = chosen or _mint(parts, run, wish.sandbox_id)
        parts.gateway.token(wish.sandbox_id, chosen)
        for old in held:
            if old.id != chosen.id:
                take_back(parts, old)


def _mint(parts: Parts, run: Run, sandbox_id: str) -> Credential:
    credential = parts.mint(entitled_grant(parts, run), run_id=run.id)
    try:
        parts.vault.entrust(credential, sandbox_id)
    except (OSError, BellhopError) as error:
        take_back(parts, credential)
        raise BellhopError(f"the token cannot be kept on file: {error}", reason="credential_not_kept", retryable=True) from error
    return credential


def _lasts(credential: Credential) -> bool:
    try:
        return datetime.fromisoformat(credential.expires_at) - datetime.now(UTC) > _LASTS
    except (ValueError, TypeError):
        return False
