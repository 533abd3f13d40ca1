"""What a document costs.

https://linear.app/developers/rate-limiting: a property 0.1, an object 1, and a connection as often as it has records, 50 if it does not say.
"""

from __future__ import annotations

import math
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

DEFAULT_PAGE = 50
PROPERTY = 0.1
OBJECT = 1.0


def cost(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: dict[str, Any]) -> int:
    """Return the complexity of an operation of a valid document, rounded up."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}

    def of(selections: SelectionSetNode, parent: Any) -> float:
        total = 0.0
        for node in selections.selections:
            if isinstance(node, FieldNode):
                total += of_field(node, parent)
            elif isinstance(node, InlineFragmentNode):
                name = node.type_condition.name.value if node.type_condition else None
                total += of(node.selection_set, schema.get_type(name) if name else parent)
            elif isinstance(node, FragmentSpreadNode):
                fragment = fragments[node.name.value]
                total += of(fragment.selection_set, schema.get_type(fragment.type_condition.name.value))
        return total

    def of_field(node: FieldNode, parent: Any) -> float:
        if node.selection_set is None:
            return PROPERTY
        field = getattr(parent, "fields", {}).get(node.name.value)
        kind = get_named_type(field.type) if field else None
        inside = of(node.selection_set, kind)
        if kind is not None and kind.name.endswith("Connection"):
            return inside * page_of(node, variables)
        return OBJECT + inside

    return math.ceil(of(operation.selection_set, schema.get_root_type(operation.operation)))


def page_of(node: FieldNode, variables: dict[str, Any]) -> int:
    """Return how many records a connection asks for."""
    for argument in node.arguments or ():
        if argument.name.value in ("first", "last"):
            if isinstance(argument.value, IntValueNode):
                return int(argument.value.value)
            if isinstance(argument.value, VariableNode):
                asked = variables.get(argument.value.name.value)
                return asked if isinstance(asked, int) else DEFAULT_PAGE
    return DEFAULT_PAGE
