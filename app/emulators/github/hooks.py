"""The two git hooks of every emulated repository; `routes/smart_http.py` sets what they read."""

from __future__ import annotations

# Whether the pusher may touch workflow files (`yes` or `no`), and the file that the moved refs are written to.
MAY_CHANGE_WORKFLOWS = "BELLHOP_EMULATOR_WORKFLOWS"
MOVED_REFS_FILE = "BELLHOP_EMULATOR_MOVED_REFS"

# GitHub looks at every commit that is new to the repository. A merge counts for what it changes against all parents.
PRE_RECEIVE = f"""#!/bin/sh
[ "${MAY_CHANGE_WORKFLOWS}" = no ] || exit 0
while read -r old new ref; do
  case "$new" in *[!0]*) ;; *) continue ;; esac
  for commit in $(git rev-list "$new" --not --all); do
    file=$(git diff-tree -r -c --root --no-commit-id --name-only "$commit" -- .github/workflows | head -n 1)
    if [ -n "$file" ]; then
      echo "refusing to allow a GitHub App to create or update workflow \\`$file\\` without \\`workflows\\` permission" >&2
      exit 1
    fi
  done
done
exit 0
"""

POST_RECEIVE = f"""#!/bin/sh
[ -n "${MOVED_REFS_FILE}" ] && cat > "${MOVED_REFS_FILE}"
exit 0
"""
