"""The sandbox backends there are: one line each, and only the chosen one is imported."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from app.errors import ConfigurationError
from app.execute.sandboxes.options import BackendOptions
from app.ports import SandboxBackend

BACKENDS: dict[str, str] = {
    "docker": "app.execute.sandboxes.docker.backend:open_docker",
    "gvisor": "app.execute.sandboxes.docker.backend:open_gvisor",
    "bubblewrap": "app.execute.sandboxes.bubblewrap.backend:open_bubblewrap",
    "fake": "app.execute.sandboxes.fake:open_fake",
}


def open_backend(name: str, options: BackendOptions) -> SandboxBackend:
    """Return the backend called `name`; no daemon is asked before its first call.

    A name with a colon, `package.module:function`, is a backend of another package: a function that takes
    BackendOptions. Raises ConfigurationError for a name that is neither.
    """
    path = BACKENDS.get(name, name)
    module_name, colon, function_name = path.partition(":")
    if not colon:
        raise ConfigurationError(
            f"there is no sandbox backend `{name}`: choose one of {', '.join(sorted(BACKENDS))}, "
            "or name your own as package.module:function",
            reason="unknown_backend",
        )
    try:
        opener = getattr(import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"the sandbox backend `{name}` cannot be loaded: {error}", reason="unknown_backend"
        ) from error
    return cast("Callable[[BackendOptions], SandboxBackend]", opener)(options)
