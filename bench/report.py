"""What the bench says: a flat JSON file for machines, a table for people, each number beside its floor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table


class Number(NamedTuple):
    """One measurement; `floor` was measured in the same run; `goal` is what it should reach, if anything."""

    name: str
    value: float
    unit: str
    floor: float | None = None
    goal: float | None = None
    at_most: bool = False


def write(numbers: list[Number], path: Path) -> None:
    """Write name -> number, with the floors as `<name>_floor`."""
    flat = {number.name: round(number.value, 3) for number in numbers}
    flat |= {f"{number.name}_floor": round(number.floor, 3) for number in numbers if number.floor is not None}
    path.write_text(json.dumps(flat, indent=2, sort_keys=True) + "\n")


def show(numbers: list[Number]) -> None:
    """Print the table."""
    table = Table("measured", "value", "floor", "unit", "goal", box=None, pad_edge=False)
    for column in (1, 2):
        table.columns[column].justify = "right"
    for number in numbers:
        goal = ""
        if number.goal is not None:
            reached = number.value <= number.goal if number.at_most else number.value >= number.goal
            goal = f"{'at most' if number.at_most else 'at least'} {number.goal:g}: {'reached' if reached else 'NOT reached'}"
        floor = "" if number.floor is None else f"{number.floor:.2f}"
        table.add_row(number.name, f"{number.value:.2f}", floor, number.unit, goal)
    Console(highlight=False).print(table)
