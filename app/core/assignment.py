"""What a sandbox is asked to do: the one document that the runner gets through the door."""

from __future__ import annotations

from typing import Literal

from app.core.noun import Noun
from app.core.sandbox.door import DoorRules

# What is set up before `work`, and, where that changed what is installed, again before `verify`.
Role = Literal["work", "verify", "setup", "setup-verify"]
SETUP_ROLES: tuple[Role, ...] = ("setup", "setup-verify")

# Where the runner listens inside the sandbox; ordinary tools see base URLs on it.
LOOPBACK_PORT = 4117
LOOPBACK_URL = f"http://127.0.0.1:{LOOPBACK_PORT}"
# The same for tunnels: what tools take for their proxy.
PROXY_PORT = 4118
PROXY_URL = f"http://127.0.0.1:{PROXY_PORT}"


class LayerWish(Noun):
    """What is to be kept of a sandbox that sets something up, by which `name`: what git ignores, and HOME.

    The former is moved to `directory`, at the root of `/workspace`. `leaves_out` are names that are kept nowhere in it
    (configuration of agents), `home_leaves_out` paths below HOME.
    """

    name: str
    directory: str
    leaves_out: tuple[str, ...] = ()
    home_leaves_out: tuple[str, ...] = ()


class Assignment(Noun):
    """One command for one sandbox.

    `argv` runs in `/workspace`; `path` are directories that come after the image's own in PATH; `files` are written below HOME
    first (relative path -> text), and `pictures` (relative path -> base64), which are on file elsewhere and joined at the door; `stdin` is what it reads on its standard input, whole and once;
    `wants_messages` means that it stays open, and follow-ups arrive there as JSON lines.
    `next_argv` is the command for one more turn of the same session, with what is said as its `stdin` (empty: the agent
    takes no more turns); a turn that is interrupted for that gets `interrupt_signal`, and is killed where it stays.
    So long before `timeout_seconds` as `wrap_up_seconds` says (0: not at all) the agent is told to finish;
    With `tidy`, `/workspace` holds what an earlier run has left: before the first turn it is brought to its HEAD, and keeps beside that only
    what git ignores, but nothing of these names (agent configuration).
    `base_commit` asks for a bundle of `base_commit..HEAD` at the end (None: no bundle is wanted); `models` are those
    that the door passes requests on to, as `vendor/model`, where `*` stands for any characters (none: no model);
    `door` is what else passes. `services` are those that have to be up before `argv` is run; they are waited for so long as
    `services_timeout_seconds` says, which is no part of `timeout_seconds`.
    With `layer`, what the command has installed is put in order for the host to keep, if it ended well.
    """

    run_id: str
    role: Role
    argv: tuple[str, ...]
    env: dict[str, str] = {}
    path: tuple[str, ...] = ()
    files: dict[str, str] = {}
    pictures: dict[str, str] = {}
    stdin: str = ""
    wants_messages: bool = False
    next_argv: tuple[str, ...] = ()
    interrupt_signal: Literal["INT", "TERM"] = "TERM"
    timeout_seconds: float
    wrap_up_seconds: float = 0
    idle_timeout_seconds: float
    tidy: tuple[str, ...] = ()
    base_commit: str | None = None
    models: tuple[str, ...] = ()
    door: DoorRules = DoorRules()
    services: tuple[str, ...] = ()
    services_timeout_seconds: float = 0
    layer: LayerWish | None = None
    bundle_limit_bytes: int = 64 * 1024 * 1024

    @property
    def takes_messages(self) -> bool:
        """Whether the agent can be told something while it works: on its standard input, or by another turn."""
        return self.wants_messages or bool(self.next_argv)


class SandboxEnd(Noun):
    """How the work in a sandbox ended: the runner's claim, or what the host saw when the runner said nothing.

    `reason` is `exited`, `timeout`, `idle`, `cancelled`, `budget` (its models' budget was used up), `refused`,
    `service` (one of its services did not come up, so that nothing was run), `lost` (the sandbox died), `out_of_memory` or `disk`. `by_host`: the host ended it, and its runner said nothing.
    """

    reason: str
    exit_code: int | None = None
    has_bundle: bool = False
    head_commit: str | None = None
    duration_ms: int = 0
    text: str = ""
    by_host: bool = False
