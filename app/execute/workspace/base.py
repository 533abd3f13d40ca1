"""A prepared checkout: a standalone clone of one commit's history, the read-only lower layer of a workspace."""

from __future__ import annotations

import os
import re
from pathlib import Path

from app.core.sandbox.agent_config import AGENT_CONFIG
from app.errors import WorkspaceError
from app.git import Git

CLONE_TIMEOUT_SECONDS = 1800.0

# The checkout is given to another owner and shown through an overlay, both of which change what stat says:
# without these lines the first `git status` in a sandbox would read every file again.
_CONFIG = """\
[core]
\tcheckStat = minimal
\ttrustctime = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
[user]
\tname = Bellhop
\temail = bellhop@localhost.invalid
"""

_REMOTE = """\
[remote "origin"]
\turl = {url}
\tfetch = +refs/heads/*:refs/remotes/origin/*
"""
# Attributes of the tree itself would change what is written to the disk: a pull request's `*.json working-tree-encoding=UTF-16` makes a
# `settings.json` of the default branch one that no agent can read. These here have the last word.
# https://git-scm.com/docs/gitattributes
_AS_IT_IS = "-text !eol -ident -filter -working-tree-encoding"
# What needs no quoting in a configuration file.
_PLAIN_URL = re.compile(r"[a-z]+://[A-Za-z0-9._~:/%@\[\]-]{1,500}")


def build(git: Git, source: Path, ref: str, branch: str, tree: Path, origin: str = "") -> None:
    """Make `tree`: the history of `ref` in `source` as `branch`, checked out; no other ref, no link to `source`.

    `origin` is the address that the checkout names as its remote (empty: none); nothing is fetched from it here.

    The objects travel over `file://`, so that neither hard links nor alternates tie the clone to the mirror
    (CVE-2024-32020, CVE-2024-32021). No filter, hook or submodule is configured, so none runs.
    Raises WorkspaceError.
    """
    git_dir = tree / ".git"
    git.run("init", "--quiet", "--template=", f"--initial-branch={branch}", str(tree))
    (git_dir / "info").mkdir(exist_ok=True)
    (git_dir / "info" / "attributes").write_text(_attributes(), encoding="ascii")
    git.run(
        "fetch", "--quiet", "--no-tags", "--update-head-ok", "--no-write-fetch-head", "--no-auto-maintenance",
        "--no-recurse-submodules", "--end-of-options", f"file://{source}", f"{ref}:refs/heads/{branch}",
        git_dir=git_dir, local_protocol=True, timeout_seconds=CLONE_TIMEOUT_SECONDS,
        config={"core.logAllRefUpdates": "false"},
    )
    git.run(
        "read-tree", "--reset", "-u", f"refs/heads/{branch}", git_dir=git_dir, work_tree=tree,
        config={"core.symlinks": "true", "core.bigFileThreshold": "32m"}, timeout_seconds=CLONE_TIMEOUT_SECONDS, caged=True,
    )
    with (git_dir / "config").open("a", encoding="utf-8") as config:
        config.write(_CONFIG)
        if origin:
            config.write(_REMOTE.format(url=_plain(origin)))


def _attributes() -> str:
    """Return the lines by which agent configuration is written as it is committed, whatever the tree's own attributes say."""
    names = ("".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in name.lower()) for name in AGENT_CONFIG)
    return "".join(f"{name} {_AS_IT_IS}\n**/{name}/** {_AS_IT_IS}\n" for name in names)


def _plain(url: str) -> str:
    if _PLAIN_URL.fullmatch(url) is None:
        raise WorkspaceError(f"{url[:100]!r} is no address for a remote", reason="clone_url", retryable=False)
    return url


def give(tree: Path, uid: int, gid: int) -> None:
    """Give the tree to the sandbox's user, links themselves included; only root can, for others it is theirs already."""
    if os.geteuid() != 0:
        return
    for _, directories, files, descriptor in os.fwalk(tree, follow_symlinks=False):
        os.chown(descriptor, uid, gid)
        for name in (*directories, *files):
            os.chown(name, uid, gid, dir_fd=descriptor, follow_symlinks=False)
