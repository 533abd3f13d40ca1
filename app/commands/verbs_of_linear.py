"""The verbs about Bellhop's app at Linear."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from app.settings import Settings


def add_verbs_of_linear(app: typer.Typer, settings: Callable[[], Settings]) -> None:
    """Give the command line these verbs."""
    linear = typer.Typer(no_args_is_help=True, help="Look after Bellhop's app at Linear.")
    app.add_typer(linear, name="linear")

    @linear.callback()
    def _every_verb() -> None:
        """Look after Bellhop's app at Linear."""

    @linear.command()
    def connect() -> None:
        """Print the address at which an admin of the workspace puts the app into it."""
        from app.commands.linear import connect_linear

        print("\n".join(connect_linear(settings())))
