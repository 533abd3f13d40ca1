"""Checks of what lies below a sandbox's files: a layer that a setup has left shows, loses to the checkout, and is never written."""

from __future__ import annotations

from pathlib import Path

from app.errors import SandboxRefused
from app.execute.sandboxes.conformance.lab import Check, CheckFailed, Lab
from app.ports import PreparedWorkspace

_LOOK = """
[ "$($B cat given.txt)" = given ] || exit 11
[ "$($B cat modules/one)" = installed ] || exit 12
[ "$($B cat $HOME/.tool/said)" = installed ] || exit 13
"""
_CHANGE = """
echo mine > modules/one && $B rm modules/two && echo new > modules/three || exit 14
echo mine > $HOME/.tool/said && $B rm -r $HOME/.gone && echo new > $HOME/new || exit 15
[ ! -e modules/two ] && [ ! -e $HOME/.gone ] && [ "$($B cat $HOME/.tool/said)" = mine ] || exit 16
"""
_MEANINGS = {
    11: "the layer hides the checkout", 12: "the layer does not show in the workspace", 13: "the layer's HOME does not show",
    14: "what the layer brings to the workspace cannot be changed", 15: "what the layer brings to HOME cannot be changed",
    16: "what was changed does not show",
}


def layer_lies_below(lab: Lab) -> None:
    """T39, T62: a layer shows below the checkout and in HOME, may be changed by each run for itself, and stays as it is."""
    layer = _layer(lab)
    try:
        first = lab.start(_LOOK + _CHANGE, workspace=_over(lab, layer))
    except SandboxRefused:
        return  # this host has no overlays, and says so before anything runs
    first.expect(_MEANINGS)
    said = {str(path.relative_to(layer)): path.read_text() for path in layer.rglob("*") if path.is_file()}
    if said != _FILES:
        raise CheckFailed(f"the layer itself was changed: {sorted(said)}")
    lab.start(_LOOK, workspace=_over(lab, layer)).expect({code: f"for the next run: {what}" for code, what in _MEANINGS.items()})


_FILES = {
    "workspace/given.txt": "of the layer\n", "workspace/modules/one": "installed\n", "workspace/modules/two": "installed\n",
    "home/.tool/said": "installed\n", "home/.gone/file": "installed\n",
}


def _layer(lab: Lab) -> Path:
    layer = lab.place("conf-layer") / "layer"
    for name, text in _FILES.items():
        path = layer / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    lab.own(*layer.rglob("*"))
    return layer


def _over(lab: Lab, layer: Path) -> PreparedWorkspace:
    number = len(list(lab.subject.room.iterdir()))
    made = lab.workspace(lab.place(f"conf-over-{number}"))
    (made.scratch / "home-work").mkdir()
    return made.model_copy(update={"layer": layer, "needs_overlay": True})


CHECKS = (Check("layer_lies_below", None, layer_lies_below),)
