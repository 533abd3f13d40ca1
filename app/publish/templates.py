"""Reply templates, in which nothing reaches the page unless it is inert.

A plain string that a template prints becomes a code span by itself; `| words`, `| block` and `| address` choose
another harmless form. Only numbers, and text that Bellhop has marked as its own, pass as they are.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

from app.errors import ProfileError
from app.publish.inert import Inert, address, block, span, words
from app.publish.shown_patch import diff_block


def render(templates_dir: Path, name: str, **values: object) -> str:
    """Render a template below `templates_dir`. Raises ProfileError when it is missing or broken."""
    try:
        return _environment(templates_dir).get_template(name).render(**values)
    except TemplateError as error:
        raise ProfileError(
            f"the template {name} cannot be rendered: {error.message or type(error).__name__}. "
            f"Mend it in {templates_dir}, or name another one under `templates:` in the profile.", reason="template",
        ) from error


def duration(milliseconds: int) -> Inert:
    """Return a duration for people, such as `3 min 20 s`."""
    seconds = milliseconds / 1000
    if seconds < 60:
        return Inert(f"{seconds:.1f} s")
    return Inert(f"{int(seconds // 60)} min {int(seconds % 60)} s")


@cache
def _environment(templates_dir: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(templates_dir), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, finalize=_finalize, autoescape=False,  # noqa: S701 - markdown; `finalize` sees to it
    )
    environment.filters.update(words=words, block=block, span=span, address=address, duration=duration, diff=diff_block)
    return environment


def _finalize(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, Inert | int | float):
        return value
    return span(str(value))
