"""Block Kit's rules in small: a value is held against a rule, and each rule says all that is wrong, with where it stands.

https://docs.slack.dev/reference/block-kit
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Wrong = Iterator[str]
Rule = Callable[[Any, str], Wrong]


def said(sentence: str, at: str) -> str:
    """Return what is wrong, as Slack says it."""
    return f"{sentence} [json-pointer:{at}]"


def string(most: int, least: int = 1) -> Rule:
    """A string of so many characters."""

    def rule(value: Any, at: str) -> Wrong:
        if not isinstance(value, str):
            yield said("must be a string", at)
        elif len(value) > most:
            yield said(f"must be less than {most + 1} characters", at)
        elif len(value) < least:
            yield said(f"must be more than {least - 1} characters", at)

    return rule


def one_of(*words: str) -> Rule:
    """One of these words."""

    def rule(value: Any, at: str) -> Wrong:
        if value not in words:
            yield said(f"must be one of: {', '.join(words)}", at)

    return rule


def boolean(value: Any, at: str) -> Wrong:
    """True or false."""
    if not isinstance(value, bool):
        yield said("must be a boolean", at)


def integer(value: Any, at: str) -> Wrong:
    """A whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        yield said("must be an integer", at)


def anything(_value: Any, _at: str) -> Wrong:
    """What is not looked at."""
    yield from ()


def shape(required: Mapping[str, Rule], optional: Mapping[str, Rule]) -> Rule:
    """An object with these members, `type` aside, and no others."""

    def rule(value: Any, at: str) -> Wrong:
        if not isinstance(value, dict):
            yield said("must be an object", at)
            return
        for name in required:
            if name not in value:
                yield said(f"missing required field: {name}", at)
        for name, member in value.items():
            found = required.get(name) or optional.get(name)
            if found is not None:
                yield from found(member, f"{at}/{name}")
            elif name != "type":
                yield said(f"no additional properties allowed: {name}", at)

    return rule


def many(item: Rule, most: int, least: int = 1) -> Rule:
    """A list of so many."""

    def rule(value: Any, at: str) -> Wrong:
        if not isinstance(value, list):
            yield said("must be an array", at)
            return
        if len(value) > most:
            yield said(f"no more than {most} items allowed", at)
        if len(value) < least:
            yield said(f"must have at least {least} items", at)
        for index, member in enumerate(value):
            yield from item(member, f"{at}/{index}")

    return rule


def typed(kinds: Mapping[str, Rule]) -> Rule:
    """An object whose `type` is one of these."""

    def rule(value: Any, at: str) -> Wrong:
        kind = value.get("type") if isinstance(value, dict) else None
        found = kinds.get(kind) if isinstance(kind, str) else None
        if found is None:
            yield said(f"unsupported type: {kind}", at + "/type")
        else:
            yield from found(value, at)

    return rule


def distinct(items: Rule, member: str) -> Rule:
    """A list in which no two have the same value of a member."""

    def rule(value: Any, at: str) -> Wrong:
        yield from items(value, at)
        seen: set[str] = set()
        for index, one in enumerate(value if isinstance(value, list) else []):
            name = one.get(member) if isinstance(one, dict) else None
            if isinstance(name, str) and name in seen:
                yield said(f"`{member}` \"{name}\" already exists", f"{at}/{index}/{member}")
            seen.add(str(name))

    return rule
