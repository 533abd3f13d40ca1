"""Showing a card where there is no session: as one comment on the issue, edited in place, found by an id of our own."""

from __future__ import annotations

from app.core.card import Card
from triggers.linear.connection import LinearConnection, LinearRefused
from triggers.linear.ids import own_id
from triggers.linear.markdown import cut, inert, plan_lines, rendered


def show_as_comment(linear: LinearConnection, card: Card, issue_id: str, mention: str) -> str:
    """Bring the card's comment to what the card says, and return its id. Raises ServiceError."""
    comment_id = own_id(card.thread, card.key)
    body = comment_body(card, mention)
    before = _body_of(linear, comment_id)
    if before is None:
        try:
            linear.ask("comment_create", input={"id": comment_id, "issueId": issue_id, "body": body})
        except LinearRefused:
            # Somebody may have written it meanwhile.
            if (before := _body_of(linear, comment_id)) is None:
                raise
    if before is not None and before != body:
        linear.ask("comment_update", id=comment_id, input={"body": body})
    return comment_id


def comment_body(card: Card, mention: str) -> str:
    """Return the comment of a card; pure. There are no buttons in a comment, so it says what to write instead."""
    parts = [rendered(card), plan_lines(card)]
    if card.menu is not None:
        parts.append(inert(card.menu.label) + "\n" + "\n".join(f"- `{mention} {inert_code(option.value)}`" for option in card.menu.options))
    if card.buttons:
        parts.append("Write " + ", ".join(f"`{mention} {inert_code(' '.join((button.name, button.value)).strip())}`" for button in card.buttons) + ".")
    return cut("\n\n".join(each for each in parts if each))


def inert_code(text: str) -> str:
    """Return text that may stand within a code span."""
    return text.replace("`", "'").replace("\n", " ")


def _body_of(linear: LinearConnection, comment_id: str) -> str | None:
    try:
        found = linear.ask("comment", id=comment_id)["comment"]
    except LinearRefused as error:
        if error.is_not_found:
            return None
        raise
    return None if found is None else str(found["body"])
