"""The cut of Linear's own schema that the emulator answers; `schema.graphql` says which version it is of."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from graphql import GraphQLScalarType, GraphQLSchema, build_schema

SCHEMA_FILE = Path(__file__).with_name("schema.graphql")


@cache
def schema() -> GraphQLSchema:
    """Return the schema; its `JSONObject` takes objects and lists, since an agent session's plan is a list of steps."""
    built = build_schema(SCHEMA_FILE.read_text(encoding="utf-8"), no_location=True)
    json_object = built.get_type("JSONObject")
    if isinstance(json_object, GraphQLScalarType):
        json_object.coerce_input_value = _json_object  # a scalar of an SDL has no other place for it
    return built


def _json_object(value: Any) -> Any:
    if not isinstance(value, dict | list):
        raise TypeError(f"JSONObject cannot represent non-object value: {value!r}")
    return value
