"""A minter that has each token on file before anybody can use it, and until it is revoked."""

from __future__ import annotations

from contextlib import suppress

from pydantic import JsonValue

from app.core.event import Repo
from app.core.grant import Credential, Grant
from app.errors import BellhopError
from app.execute.grants.vault import Vault
from app.ports import Closes, TokenMinter


class KeepingMinter:
    """The TokenMinter `inner`, with every live token in `vault`."""

    def __init__(self, inner: TokenMinter, vault: Vault) -> None:
        self._inner = inner
        self._vault = vault

    def mint(self, grant: Grant) -> Credential:
        """Mint a token and put it on file. Raises GrantRefused, ServiceError, BellhopError (it cannot be kept)."""
        credential = self._inner.mint(grant)
        try:
            self._vault.keep(credential)
        except (OSError, BellhopError) as error:
            # What nobody could take back after a crash is not used at all.
            with suppress(BellhopError):
                self._inner.revoke(credential)
            raise BellhopError(
                f"a token was minted and given back at once, because it could not be kept on file: {error}",
                reason="credential_not_kept", retryable=True,
            ) from error
        return credential

    def revoke(self, credential: Credential) -> None:
        """Revoke it and take it off file. Raises ServiceError, GrantRefused: then it is left to the sweeper."""
        try:
            self._inner.revoke(credential)
        except Exception:  # whatever it was, a ledger that is down, too: the token lives
            self._vault.release(credential.id)
            raise
        self._vault.forget(credential.id)

    def find_repo(self, full_name: str) -> Repo:
        """Return a repository that the App is installed on; its token reads metadata only, and is revoked at once."""
        return self._inner.find_repo(full_name)

    def request(self, grant: Grant) -> dict[str, JsonValue]:
        """Return the body that `mint` sends."""
        return self._inner.request(grant)

    def close(self) -> None:
        """Give the inner minter's connections back."""
        if isinstance(self._inner, Closes):
            self._inner.close()
