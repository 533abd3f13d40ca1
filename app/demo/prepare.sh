#!/bin/sh
# Makes sure that the small parts `make demo` and `make test` stand on are there: Linux, Python 3.11+ with venv, and
# the programs named as arguments, each as `program` or `program:package`. Installs what is missing with apt where it
# may (root, or sudo without a password) and says so; elsewhere names what is missing and how to get it. Prints the
# Python to use on standard output; PYTHON names another one than the first that will do.
set -eu

say() { printf 'bellhop: %s\n' "$*" >&2; }

if [ "$(uname -s)" != Linux ]; then
    say "sandboxes need Linux, and this is $(uname -s). Run Bellhop on a Linux machine, or inside a Linux VM."
    exit 1
fi

look() { # sets `python`, `old` (what there is where that is too old) and `missing` (packages)
    python="" old="" missing=""
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$(command -v "$candidate")
            break
        fi
        old=${old:-$("$candidate" --version 2>&1 | head -n 1)}
    done
    if [ -z "$python" ]; then
        missing="$missing python3 python3-venv"
    elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        missing="$missing $(basename "$python")-venv"
    fi
    for need in "$@"; do
        program=${need%%:*} package=${need##*:}
        command -v "$program" >/dev/null 2>&1 || [ -x "/usr/sbin/$program" ] || missing="$missing $package"
    done
}

look "$@"
if [ -z "$python" ] && [ -n "${PYTHON:-}$old" ]; then
    say "Python 3.11 or newer is needed, and ${PYTHON:-python3} is ${old:-not there}. Debian 12 and Ubuntu 24.04 bring" \
        "a newer one; where there is another, name it: make demo PYTHON=/path/to/python3"
    exit 1
fi

if [ -n "$missing" ]; then
    as_root=""
    if [ "$(id -u)" = 0 ]; then as_root="env"; elif sudo -n true 2>/dev/null; then as_root="sudo -n env"; fi
    if ! command -v apt-get >/dev/null 2>&1; then
        say "missing on this machine:$missing (so called by Debian). Install it with your package manager, then try again."
        exit 1
    fi
    if [ -z "$as_root" ]; then
        say "missing on this machine:$missing. To install it: sudo apt-get install$missing"
        exit 1
    fi
    say "installing with apt:$missing"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    # shellcheck disable=SC2086 # both are lists of words
    if ! { $as_root apt-get update -q && $as_root DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing; } </dev/null >"$log" 2>&1; then
        say "apt could not install$missing:"
        tail -n 5 "$log" >&2
        exit 1
    fi
    look "$@"
    if [ -z "$python" ] || [ -n "$missing" ]; then
        say "apt has installed what was asked for, and this is still missing:${missing:- Python 3.11 or newer}"
        exit 1
    fi
fi
printf '%s\n' "$python"
