"""Every GraphQL document that Bellhop sends is one that Linear's own schema allows, and small enough."""

from __future__ import annotations

import pytest
from graphql import OperationDefinitionNode, parse, validate

from app.emulators.linear.complexity import cost
from app.emulators.linear.schema import schema
from triggers.linear.documents import FOLDER, document

NAMES = sorted(path.stem for path in FOLDER.glob("*.graphql"))
# What one request may cost: https://linear.app/developers/rate-limiting
MOST = 10_000


@pytest.mark.parametrize("name", NAMES)
def test_a_document_fits_linears_schema(name: str) -> None:
    read = parse(document(name))
    assert validate(schema(), read) == []
    operations = [node for node in read.definitions if isinstance(node, OperationDefinitionNode)]
    assert len(operations) == 1
    assert cost(schema(), read, operations[0], {}) < MOST / 10


def test_a_field_that_linear_does_not_have_is_seen() -> None:
    assert validate(schema(), parse("query Q { viewer { id mood } }"))
    assert len(NAMES) > 10
