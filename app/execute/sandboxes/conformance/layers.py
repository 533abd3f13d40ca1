"""Checks of what a sandbox writes in its workspace: a layer that can lie over another checkout one day."""

from __future__ import annotations

from pathlib import Path

from app.execute.sandboxes.conformance.lab import Check, CheckFailed, Lab

_CHECKOUT = ("deleted.txt", "moved/a.txt", "gone/x.txt", "a-file", "a-directory/x.txt", "again/old.txt", "tool.sh")
_CHANGES = """
set -e
$B rm deleted.txt a-file
$B mv moved renamed
$B rm -r gone a-directory again
$B mkdir a-file && echo new > a-file/x.txt
echo new > a-directory
$B mkdir again && echo new > again/new.txt
$B chmod 755 tool.sh
$B mkdir build && echo built > build/out
"""
_SAME_AGAIN = """
[ ! -e deleted.txt ] && [ ! -e gone ] && [ ! -e moved ] || exit 11
[ "$($B cat renamed/a.txt)" = moved/a.txt ] || exit 12
[ -f a-directory ] && [ -f a-file/x.txt ] || exit 13
[ "$($B ls again)" = new.txt ] || exit 14
[ -x tool.sh ] && [ "$($B cat tool.sh)" = tool.sh ] || exit 15
[ "$($B cat build/out)" = built ] || exit 16
[ "$($B cat late/new.txt)" = late/new.txt ] || exit 17
echo more > build/more && echo x >> tool.sh && $B rm late/new.txt || exit 18
"""
_MEANINGS = {
    11: "what was deleted is there again", 12: "a renamed directory is empty", 13: "a file and a directory are not what they became",
    14: "a directory that was made anew shows what was in the old one", 15: "a mode, or the file under it, is lost",
    16: "what was built is lost", 17: "the new checkout does not show", 18: "it is not writable",
}


def a_layer_goes_on_over_another_checkout(lab: Lab) -> None:
    """What one sandbox has written means the same over a later checkout."""
    first = lab.place("layer-of-the-first")
    one = lab.workspace(first, _checkout(lab, first, _CHECKOUT))
    cell = lab.start(_CHANGES, workspace=one)
    cell.expect({})
    if (one.scratch / "copy").exists():
        return  # which is no layer
    lab.backend.destroy(cell.handle)
    second = lab.place("layer-of-the-second")
    two = lab.workspace(second, _checkout(lab, second, (*set(_CHECKOUT) - {"moved/a.txt"}, "late/new.txt", "again/late.txt")))
    (two.scratch / "upper").rmdir()
    (one.scratch / "upper").rename(two.scratch / "upper")
    again = lab.start(_SAME_AGAIN, workspace=two)
    again.expect(_MEANINGS)
    if (two.scratch / "copy").exists():
        raise CheckFailed("the layer could not be mounted again")


def _checkout(lab: Lab, place: Path, names: tuple[str, ...]) -> Path:
    lower = place / "lower"
    for name in names:
        (lower / name).parent.mkdir(parents=True, exist_ok=True)
        (lower / name).write_text(f"{name}\n")
    lab.own(lower, *lower.rglob("*"))
    return lower


CHECKS = (Check("a_layer_goes_on_over_another_checkout", None, a_layer_goes_on_over_another_checkout),)
