"""The verbs `bellhop identity ...`. Each gathers its parts and calls a plain function elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.settings import Settings

Source = Annotated[str, typer.Argument(metavar="SOURCE", help="slack or linear.")]
Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="In Slack WORKSPACE/MEMBER by their ids, in Linear the user's id.")]


def add_verbs_of_identity(app: typer.Typer, settings: Callable[[], Settings]) -> None:
    """Give the command line these verbs."""
    identity = typer.Typer(no_args_is_help=True, help="Say whose GitHub account stands behind an account in Slack or Linear.")
    app.add_typer(identity, name="identity")

    @identity.command("link")
    def link(
        source: Source, account: Account, github: Annotated[str, typer.Argument(metavar="LOGIN|ID", help="The person at GitHub.")],
    ) -> None:
        """Link an account with a GitHub account: from then on what it asks for is that account's word."""
        from app.commands.identity import link_account

        print(link_account(settings(), source, account, github))

    @identity.command("unlink")
    def unlink(source: Source, account: Account) -> None:
        """Take a link away."""
        from app.commands.identity import unlink_account

        print(unlink_account(settings(), source, account))

    @identity.command("list")
    def list_all() -> None:
        """List all links, each with how it was proven."""
        from app.commands.identity import list_links

        print("\n".join(list_links(settings())))
