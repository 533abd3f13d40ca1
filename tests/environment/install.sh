#!/bin/sh
# Installs what the test suite needs, where it may: Docker's engine only where none answers.
set -eu
engine=""
docker version >/dev/null 2>&1 || engine="dockerd:docker.io"
sh app/demo/prepare.sh git bwrap:bubblewrap busybox:busybox-static debootstrap redis-server patchelf runsc \
    $engine >/dev/null
if [ ! -d /usr/lib/postgresql ]; then
    # pg_ctl is not on PATH, and a client alone brings `psql`.
    sh app/demo/prepare.sh pg_ctl:postgresql >/dev/null || true
fi
# Only to check compose.yaml; the plugin of a newer Docker does as well.
docker compose version >/dev/null 2>&1 || sh app/demo/prepare.sh docker-compose >/dev/null || true
