#!/bin/sh
# Run a command with a Docker engine and the test images at hand: with_engine.sh COMMAND [ARGUMENT...]
# Where no engine answers a private one is started, and stopped at the end. Where none is to be had the command
# runs without; under CI the tests then fail, elsewhere they are skipped with the reason.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
state=${BELLHOP_TEST_ENGINE:-/var/tmp/bellhop-test-engine-$$}
python=$root/.venv/bin/python
# Where this is set, each of the many processes of a test run compiles everything anew.
unset PYTHONDONTWRITEBYTECODE

trap '"$python" "$here/engine.py" stop "$state"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if host=$("$python" "$here/engine.py" start "$state"); then
    export DOCKER_HOST="$host"
    (cd "$root" && "$python" -m tests.environment.images >/dev/null) || echo "with_engine: the test images are not complete" >&2
fi
"$@"
