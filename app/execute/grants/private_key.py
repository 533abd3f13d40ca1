"""The GitHub App's private key, read once and checked at start."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import SecretStr

from app.errors import ConfigurationError

_MEND = (
    "download a private key from your GitHub App's settings page and set BELLHOP_GITHUB_PRIVATE_KEY_FILE to "
    "the .pem file's path, or BELLHOP_GITHUB_PRIVATE_KEY to its text"
)


def load_private_key(text: SecretStr, file: Path | None) -> RSAPrivateKey:
    """Return the RSA key from PEM `text` or, when that is empty, from `file`. Raises ConfigurationError.

    In `text` a line break may be written as backslash and n, as environment files need it.
    """
    pem = text.get_secret_value().replace("\\n", "\n").strip()
    where = "BELLHOP_GITHUB_PRIVATE_KEY"
    if not pem:
        if file is None:
            raise ConfigurationError(f"the GitHub App's private key is not set: {_MEND}")
        where = str(file)
        try:
            pem = file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{where} cannot be read ({type(error).__name__}): {_MEND}") from error
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        # The library's message is not shown: nobody knows what of the key it quotes.
        raise ConfigurationError(
            f"{where} holds no unencrypted private key in PEM form ({type(error).__name__}): {_MEND}"
        ) from None
    if not isinstance(key, RSAPrivateKey):
        raise ConfigurationError(f"{where} holds a key that is not RSA, which GitHub Apps need: {_MEND}")
    return key
