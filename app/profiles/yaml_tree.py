"""YAML as people mean it: `on` is a word, a key comes once, and every value knows its line and column.

PyYAML reads YAML 1.1, where `on`, `yes` and `no` are booleans, `1:30` a number of seconds and `2024-01-01` a
date. Here only `true` and `false`, decimal numbers and `null` are anything but text. https://yaml.org/spec/1.2.2/
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple, TypeAlias

import yaml

Key: TypeAlias = str | int


class Mark(NamedTuple):
    """A place in a file, both counted from 1."""

    line: int
    column: int


class Problem(NamedTuple):
    """What is wrong at a place; `path` is the key's way from the top."""

    mark: Mark
    path: tuple[Key, ...]
    message: str


class Tree(NamedTuple):
    """The document (None when there is none to speak of), where each path stands, and what is wrong."""

    data: dict[str, Any] | None
    marks: dict[tuple[Key, ...], Mark]
    problems: list[Problem]


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            alias = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases are not read here: write the value out", problem_mark=alias.start_mark)
        return super().compose_node(parent, index)


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]{1,18}", list("-+0123456789")),
    ("float", r"[-+]?[0-9]{1,18}\.[0-9]{1,18}", list("-+0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), _first)


def read_tree(content: bytes) -> Tree:
    """Read one YAML mapping; raises nothing, what is wrong is in the answer."""
    tree = Tree(None, {(): Mark(1, 1)}, [])
    try:
        node = yaml.compose(content.decode("utf-8"), Loader=_Loader)
    except UnicodeDecodeError:
        tree.problems.append(Problem(Mark(1, 1), (), "is not UTF-8"))
    except RecursionError:
        tree.problems.append(Problem(Mark(1, 1), (), "is nested too deeply"))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        tree.problems.append(Problem(Mark(1, 1) if mark is None else _mark(mark), (), str(error.problem or error.context)))
    except yaml.YAMLError as error:
        tree.problems.append(Problem(Mark(1, 1), (), str(error).splitlines()[0]))
    else:
        if isinstance(node, yaml.MappingNode):
            return Tree(_mapping(node, (), tree), tree.marks, tree.problems)
        tree.problems.append(Problem(Mark(1, 1), (), "must be a mapping: keys, each with a value"))
    return tree


def _value(node: yaml.Node, path: tuple[Key, ...], tree: Tree) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, tree)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            tree.marks[*path, index] = _mark(item.start_mark)
        return [_value(item, (*path, index), tree) for index, item in enumerate(node.value)]
    tag, _, kind = node.tag.rpartition(":")
    if tag != "tag:yaml.org,2002" or kind not in _SCALARS:
        tree.problems.append(Problem(_mark(node.start_mark), path, f"the tag {node.tag} is not read here"))
        return None
    return _SCALARS[kind](node.value)


def _mapping(node: yaml.MappingNode, path: tuple[Key, ...], tree: Tree) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key_node, value_node in node.value:
        mark = _mark(key_node.start_mark)
        if not isinstance(key_node, yaml.ScalarNode):
            tree.problems.append(Problem(mark, path, "a key must be a plain word"))
            continue
        key = str(key_node.value)
        if key in members:
            first = tree.marks[*path, key]
            tree.problems.append(Problem(mark, (*path, key), f"comes twice; the first is on line {first.line}"))
            continue
        tree.marks[*path, key] = mark
        members[key] = _value(value_node, (*path, key), tree)
    return members


def _mark(mark: yaml.Mark) -> Mark:
    return Mark(mark.line + 1, mark.column + 1)


_SCALARS: dict[str, Any] = {
    "null": lambda _text: None,
    "bool": lambda text: text.lower() == "true",
    "int": int,
    "float": float,
    "str": str,
}
