"""POST /graphql: who calls, whether the document fits the schema and the budget, and what it comes to.

https://linear.app/developers/graphql
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values

from app.emulators.linear.complexity import cost
from app.emulators.linear.graph.mutations import MUTATIONS
from app.emulators.linear.graph.queries import QUERIES
from app.emulators.linear.graph.view import View
from app.emulators.linear.problems import Problem, invalid_document
from app.emulators.linear.schema import schema
from app.emulators.linear.tokens import Caller, caller_of
from app.emulators.linear.world import World


class Answer(NamedTuple):
    """Status, JSON body and headers."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]


class _Refused(Exception):
    """The document is refused before anything is done; the argument is the errors."""


def execute(world: World, authorization: str | None, body: bytes) -> Answer:
    """Answer one request. The caller holds the world's lock."""
    now = world.now().timestamp()
    try:
        caller = caller_of(world, authorization)
    except Problem as problem:
        return Answer(401, _errors(problem), {})
    spent = 0
    try:
        document, operation, variables = _read(body)
        spent = cost(schema(), document, operation, variables)
        world.limits.take(caller.identity, caller.budget, spent, now)
        status, answer = _run(world, caller, document, operation, variables)
    except _Refused as refused:
        status, answer = 400, {"errors": refused.args[0]}
    except Problem as problem:
        status, answer = problem.http_status or 400, _errors(problem)
    return Answer(status, answer, world.limits.headers(caller.identity, caller.budget, spent, now))


def _read(body: bytes) -> tuple[DocumentNode, OperationDefinitionNode, dict[str, Any]]:
    try:
        request = json.loads(body)
    except ValueError as error:
        raise _Refused([invalid_document("The request's body is not JSON")]) from error
    if not isinstance(request, dict) or not isinstance(request.get("query"), str):
        raise _Refused([invalid_document("GraphQL operations must contain a non-empty `query`")])
    variables = request.get("variables") or {}
    try:
        document = parse(request["query"])
    except GraphQLSyntaxError as error:
        raise _Refused([_shown(error)]) from error
    if errors := validate(schema(), document):
        raise _Refused([_shown(error) for error in errors])
    operation = get_operation_ast(document, request.get("operationName"))
    if operation is None:
        raise _Refused([invalid_document("Unknown operation, or several and no operationName")])
    values = get_variable_values(schema(), operation.variable_definitions or (), variables)
    if isinstance(values, list):
        raise _Refused([_shown(error) for error in values])
    return document, operation, variables


def _run(world: World, caller: Caller, document: DocumentNode, operation: OperationDefinitionNode, variables: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    view = View(world, caller)
    verbs: dict[str, Any] = MUTATIONS if operation.operation is OperationType.MUTATION else QUERIES
    root = {name: _bound(view, verb) for name, verb in verbs.items()}
    caller.must_have("read", "write")
    name = operation.name.value if operation.name else None
    result = execute_sync(schema(), document, root_value=root, variable_values=variables, operation_name=name)
    return _told(result)


def _bound(view: View, verb: Any) -> Any:
    return lambda _info, **args: verb(view, args)


def _told(result: ExecutionResult) -> tuple[int, dict[str, Any]]:
    if not result.errors:
        return 200, {"data": result.data}
    for error in result.errors:
        if error.original_error is not None and not isinstance(error.original_error, Problem):
            # The emulator is wrong, not its caller: a test must see where.
            raise error.original_error
    shown = [error.formatted for error in result.errors]
    refused = next((error.original_error.http_status for error in result.errors
                    if isinstance(error.original_error, Problem) and error.original_error.http_status), None)
    if refused:
        return refused, {"errors": [dict(one) for one in shown]}
    return 200, {"errors": [dict(one) for one in shown], "data": result.data}


def _shown(error: GraphQLError) -> dict[str, Any]:
    formatted = error.formatted
    return invalid_document(formatted["message"], [dict(one) for one in formatted.get("locations") or []])  # type: ignore[arg-type]  # line and column


def _errors(problem: Problem) -> dict[str, Any]:
    return {"errors": [{"message": str(problem), "extensions": problem.extensions}]}
