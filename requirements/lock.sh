#!/bin/sh
# Compiles the *.in files to names, versions and hashes, for every Python that Bellhop runs on. No address is written down.
set -eu
uv=$1
compile() { "$uv" pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate --generate-hashes "$@"; }
compile requirements/base.in -o requirements/base.txt
compile requirements/dev.in -c requirements/base.txt -o requirements/dev.txt
compile sidecar/requirements.in -c requirements/base.txt -o sidecar/requirements.txt
# mini-swe-agent's core without its dependencies: litellm and what comes with it are not needed.
mini=$(mktemp)
echo "mini-swe-agent==2.4.6" | compile --no-deps - >"$mini"
cat "$mini" >>sidecar/requirements.txt
rm -f "$mini"
