"""Words made from a payload by Jinja: no code of the payload's, no attributes of Python's, bounded; pure.

https://jinja.palletsprojects.com/en/stable/sandbox/
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.errors import DeliveryRefused

TEMPLATE_LIMIT_CHARACTERS = 20_000
# What one payload may make of a prompt.
TEXT_LIMIT_CHARACTERS = 32_000
# How often the bodies of all loops are gone through, together: the process that takes deliveries in does nothing else meanwhile.
TURNS_LIMIT = 20_000
_turns_left: ContextVar[list[int]] = ContextVar("turns_left")
# Methods of a text that make it as long as a number says.
_WIDENS = frozenset({"center", "expandtabs", "format", "format_map", "ljust", "rjust", "zfill"})
_CUT = "\n\n[cut here by Bellhop: it was longer]"


def rendered(template: str, payload: dict[str, Any], limit_characters: int = TEXT_LIMIT_CHARACTERS) -> str:
    """Return the template's text over the payload's members, which it also has whole as `payload`; cut at the limit.

    Raises DeliveryRefused (400) where it names what this payload does not have.
    """
    pieces: list[str] = []
    size = 0
    _turns_left.set([TURNS_LIMIT])
    try:
        # As it comes, so that what is too long is never whole in memory.
        for piece in _compiled(template).generate({**payload, "payload": payload}):
            pieces.append(piece)
            size += len(piece)
            if size > limit_characters:
                return "".join(pieces)[: limit_characters - len(_CUT)] + _CUT
    except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise DeliveryRefused(
            f"the profile's template does not fit this payload: {str(error)[:200] or type(error).__name__}", status=400, reason="template",
        ) from error
    return "".join(pieces)


def fault_of_template(template: str) -> str | None:
    """Return what is wrong with a template whatever the payload is, or None."""
    if len(template) > TEMPLATE_LIMIT_CHARACTERS:
        return f"is longer than {TEMPLATE_LIMIT_CHARACTERS} characters"
    try:
        _compiled(template)
    except TemplateSyntaxError as error:
        return f"is no template of Jinja: {error.message} (line {error.lineno})"
    return None


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, in which no number of a payload makes a text or a list of its length, or a number of that many digits."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise SecurityError(f"`{operator}` is for two numbers here" if operator != "**" else "`**` is not there")
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return not (isinstance(obj, str) and attr in _WIDENS) and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        # Jinja would give its own for what is refused above.
        return None

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for loop in tree.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, "counted", [], [], None, None, lineno=loop.lineno)
        return tree


@lru_cache(maxsize=256)
def _compiled(template: str) -> Template:
    environment = _Environment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True, finalize=_as_text,
    )
    # What else makes much of little.
    for name in ("batch", "slice", "center", "indent", "wordwrap", "xmlattr", "pprint", "urlize", "format"):
        environment.filters.pop(name, None)
    del environment.globals["lipsum"]
    environment.filters["counted"] = _counted
    return environment.from_string(template)


def _counted(found: Iterable[Any]) -> Iterator[Any]:
    """Yield each of what a loop goes over. Raises SecurityError when there have been too many in this rendering."""
    left = _turns_left.get()
    for each in found:
        left[0] -= 1
        if left[0] < 0:
            raise SecurityError(f"its loops go round more than {TURNS_LIMIT} times")
        yield each


def _as_text(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
