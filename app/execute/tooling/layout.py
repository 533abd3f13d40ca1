"""What stands where inside `/agent`; the one place that knows these paths.

`/agent/bin` belongs at the END of PATH: what the image brings itself (python, git, sh, ls) is then found
first, and the tree only fills what the image lacks. The tree's own programs are called by these full paths.
"""

from __future__ import annotations

ROOT = "/agent"
BIN = "/agent/bin"
LIB = "/agent/lib"
LOADER = "/agent/lib/ld-linux-x86-64.so.2"

PYTHON = "/agent/bin/python3"
SHELL = "/agent/bin/sh"
GIT = "/agent/bin/git"

RUNNER = "/agent/lib/bellhop/runner"
MINI = "/agent/lib/bellhop/mini"
ACP_DRIVER = "/agent/lib/bellhop/acp_driver"
SITE = "/agent/lib/bellhop/site"

# -I: neither the image's PYTHON* variables nor its user site reach our own interpreter.
RUNNER_ARGV = (PYTHON, "-I", RUNNER)
# What a service's container starts with; its order is the one argument that follows.
SERVICE_ARGV = (PYTHON, "-I", f"{RUNNER}/service")

CA_BUNDLE = "/agent/etc/ssl/certs/ca-certificates.crt"

# Relative to the tree, because the builder needs them too.
RECORD_FILE = "etc/bellhop-tooling.json"
DIGEST_FILE = "etc/bellhop-digest"
