"""The one place that runs git on the host: explicit environment, safe settings, bounded time and output.

Repositories that come near this process are hostile by assumption, so no setting that git could find in a
home directory, in the system or in the caller's environment is in force, and what a call may speak
(`https`, `http`, `file`, or nothing) is said per call. Settings travel as GIT_CONFIG_COUNT/KEY/VALUE, which
outrank a repository's own configuration: https://git-scm.com/docs/git-config#ENVIRONMENT
"""

from __future__ import annotations

import base64
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretStr

from app.bounded import CommandEnd, run_bounded
from app.core.noun import Noun
from app.errors import BellhopError, ConfigurationError, ServiceError, WorkspaceError
from app.settings import Settings

# The oldest upstream release that holds the mends for CVE-2024-32002, 32004, 32020 and 32021. What a
# distribution has backported to an older number cannot be seen from here.
MINIMUM_VERSION = (2, 39, 4)

# Around whatever looks into an agent's objects. prlimit is util-linux, part of every Debian. An agent's pack may inflate without bound; git may not.
CAGE = ("prlimit", f"--as={4 << 30}", f"--fsize={2 << 30}", "--core=0")

_SETTINGS: dict[str, str] = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.untrackedCache": "false",
    "core.attributesFile": "/dev/null",
    "core.excludesFile": "/dev/null",
    "core.askPass": "",
    "core.sshCommand": "/bin/false",
    "core.gitProxy": "",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "core.packedGitWindowSize": "32m",
    "core.packedGitLimit": "1g",
    "credential.helper": "",
    "commit.gpgSign": "false",
    "gpg.program": "/bin/false",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "fetch.unpackLimit": "1",  # always a pack: an agent's hundred thousand objects must not become files
    "transfer.bundleURI": "false",
    "safe.bareRepository": "explicit",
    "init.templateDir": "",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "advice.detachedHead": "false",
    "http.lowSpeedLimit": "1",
    "http.lowSpeedTime": "60",  # a server that says nothing is given up before the call's own deadline
    "http.followRedirects": "false",  # a redirect would carry the credential to whoever is named there
}

_ENVIRONMENT: dict[str, str] = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/nonexistent",
    "XDG_CONFIG_HOME": "/nonexistent",
    "LC_ALL": "C",
    "TZ": "UTC",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "GIT_SSH_COMMAND": "/bin/false",
    "GIT_EDITOR": "/bin/false",
    "GIT_PAGER": "cat",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_PROTOCOL_FROM_USER": "0",
}


class Remote(Noun):
    """A repository over HTTP(S), or over `file://` for one on this host; the token is sent to its host only."""

    url: str
    token: SecretStr | None = None

    @property
    def scheme(self) -> str:
        """The URL's scheme, in lower case."""
        return urlsplit(self.url).scheme.lower()


class GitResult(NamedTuple):
    """What git answered; `truncated` means that standard output passed the limit and git was stopped."""

    code: int
    stdout: bytes
    stderr: str
    truncated: bool = False

    @property
    def text(self) -> str:
        """Standard output as text, without white space at its ends."""
        return self.stdout.decode("utf-8", "replace").strip()


@dataclass(frozen=True)
class Git:
    """Host git, with what leaves this host: an extra CA bundle and an outbound proxy, both optional."""

    ca_bundle: Path | None = None
    proxy: str | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Git:
        """Return host git with this host's CA bundle and proxy."""
        return cls(settings.ca_bundle, settings.outbound_proxy)

    def run(
        self, *arguments: str, git_dir: Path | None = None, work_tree: Path | None = None,
        remote: Remote | None = None, local_protocol: bool = False, config: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None, stdin: bytes = b"", timeout_seconds: float = 60.0,
        limit_bytes: int = 1 << 20, may_truncate: bool = False, accept: tuple[int, ...] = (0,), caged: bool = False,
    ) -> GitResult:
        """Run one git command and return its answer; exit codes outside `accept` raise.

        `remote` allows that URL's protocol and sends its token as a header; `local_protocol` allows `file://`
        between repositories of this host. `caged` bounds memory and file sizes: for whatever digests bytes that
        an agent made. Raises ServiceError when there is a `remote`, otherwise WorkspaceError; with reason
        `git_timeout` when `timeout_seconds` passed.
        """
        argv = ["git"]
        if git_dir is not None:
            argv.append(f"--git-dir={git_dir}")
        if work_tree is not None:
            argv.append(f"--work-tree={work_tree}")
        argv += arguments
        if caged:
            argv = [*CAGE, *argv]
        with tempfile.TemporaryFile() as feed:
            feed.write(stdin)
            feed.seek(0)
            try:
                end = run_bounded(
                    argv, env=self._environment(remote, local_protocol, config or {}, env or {}), stdin=feed,
                    timeout_seconds=timeout_seconds, limit_bytes=limit_bytes,
                )
            except FileNotFoundError as error:
                raise ConfigurationError(
                    f"{argv[0]} is not installed on this host. Install the packages git and util-linux.", reason="no_git"
                ) from error
        words = _redact(end.stderr.decode("utf-8", "replace").strip(), remote)
        if end.timed_out or (end.truncated and not may_truncate) or (not end.truncated and end.code not in accept):
            raise _error(arguments[0], end, words, remote=remote, timeout_seconds=timeout_seconds)
        return GitResult(end.code, end.stdout, words, end.truncated)

    def check(self) -> str:
        """Return one line on the git that is there. Raises ConfigurationError when it is missing or too old."""
        return checked_version(self.run("version", timeout_seconds=10).text)

    def _environment(
        self, remote: Remote | None, local_protocol: bool, config: Mapping[str, str], extra: Mapping[str, str]
    ) -> dict[str, str]:
        settings = dict(_SETTINGS)
        allowed = "file" if local_protocol else ""
        if remote is not None:
            allowed = _checked_scheme(remote)
            if self.ca_bundle is not None:
                settings["http.sslCAInfo"] = str(self.ca_bundle)
            if self.proxy is not None:
                settings["http.proxy"] = self.proxy
            if remote.token is not None and allowed != "file":
                parts = urlsplit(remote.url)
                settings[f"http.{parts.scheme}://{parts.netloc}/.extraHeader"] = f"Authorization: {_basic(remote.token)}"
        settings.update(config)
        env = dict(_ENVIRONMENT)
        env["GIT_ALLOW_PROTOCOL"] = allowed
        env["GIT_CONFIG_COUNT"] = str(len(settings))
        for number, (key, value) in enumerate(settings.items()):
            env[f"GIT_CONFIG_KEY_{number}"] = key
            env[f"GIT_CONFIG_VALUE_{number}"] = value
        env.update(extra)
        return env


def checked_version(said: str) -> str:
    """Return what `git version` said, shortened. Raises ConfigurationError when that git is too old to be trusted."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", said)
    version = tuple(int(part or 0) for part in found.groups()) if found else (0,)
    if version < MINIMUM_VERSION:
        least = ".".join(str(part) for part in MINIMUM_VERSION)
        raise ConfigurationError(
            f"{said[:60]!r} is too old: it lacks security mends that Bellhop relies on. Install git {least} or newer.",
            reason="git_too_old",
        )
    return "git " + ".".join(str(part) for part in version)


def _basic(token: SecretStr) -> str:
    pair = f"x-access-token:{token.get_secret_value()}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def _checked_scheme(remote: Remote) -> str:
    parts = urlsplit(remote.url)
    if parts.scheme not in ("https", "http", "file") or "@" in parts.netloc or not remote.url.isprintable():
        raise ConfigurationError(
            "A repository's URL must be https:// (or http:// or file://) and name no user.", reason="clone_url"
        )
    return parts.scheme


def _redact(words: str, remote: Remote | None) -> str:
    if remote is not None and remote.token is not None:
        for secret in (remote.token.get_secret_value(), _basic(remote.token).removeprefix("Basic ")):
            words = words.replace(secret, "[redacted]")
    words = re.sub(r"(?i)(authorization:)[^\r\n]*", r"\1 [redacted]", words)
    return re.sub(r"\bgh[a-z]_\S+", "[redacted]", words)


def _error(
    verb: str, end: CommandEnd, words: str, *, remote: Remote | None, timeout_seconds: float
) -> BellhopError:
    last = " / ".join(line for line in words.splitlines()[-4:] if line.strip())[:800]
    if end.timed_out:
        text, reason = f"git {verb} took longer than {timeout_seconds:g} seconds and was stopped.", "git_timeout"
    elif end.truncated:
        text, reason = f"git {verb} wrote more than {len(end.stdout)} bytes and was stopped.", "git_output"
    else:
        text, reason = f"git {verb} ended with code {end.code}: {last or 'it said nothing'}", "git"
    if remote is None:
        return WorkspaceError(text, reason=reason, retryable=end.timed_out)
    status = _status(words)
    return ServiceError(f"{text} (remote: {remote.url})", status=status, reason=reason, retryable=status not in (403, 404))


def _status(words: str) -> int:
    """Return the HTTP status that git's words tell of, or 0."""
    found = re.search(r"returned error: (\d{3})", words)
    if found:
        return int(found.group(1))
    if "Authentication failed" in words or "could not read Username" in words:
        return 401
    return 404 if re.search(r"fatal: repository '.*' not found", words) else 0
