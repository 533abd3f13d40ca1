"""The lines that a patch adds; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


def added_lines(patch: str) -> Iterator[tuple[str, int, str]]:
    """Yield (path, line number, text) of each line that a git patch adds.

    Lines are counted as the hunk heads say, so that an added line which looks like a head is not taken for one.
    """
    path, number, old_left, new_left = "", 0, 0, 0
    for line in patch.split("\n"):
        if old_left > 0 or new_left > 0:
            if line.startswith("+"):
                yield path, number, line[1:]
                number, new_left = number + 1, new_left - 1
            elif line.startswith("-"):
                old_left -= 1
            elif not line.startswith("\\"):
                number, old_left, new_left = number + 1, old_left - 1, new_left - 1
        elif line.startswith("+++ "):
            # git ends a name that holds a blank with a tab.
            path = line[4:].rstrip("\t").strip('"').removeprefix("b/")
        elif (hunk := _HUNK.match(line)) is not None:
            old_left, number, new_left = int(hunk[1] or 1), int(hunk[2]), int(hunk[3] or 1)
