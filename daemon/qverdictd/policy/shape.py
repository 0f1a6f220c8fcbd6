# SPDX-License-Identifier: GPL-2.0
"""Holds a document to its shape and says what is wrong in a person's words, at its place."""

from copy import deepcopy
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from qverdictd.policy.document import NAME, PREFIX, TEST_NAME
from qverdictd.policy.literals import near, written
from qverdictd.policy.source import Node, Path, Source

Model = TypeVar("Model", bound=BaseModel)

#: What to say of a text that is not as its pattern wants it.
_PATTERNS = {
    NAME: "a name is 1 to 64 letters, digits, and _ . - (not first: . -)",
    TEST_NAME: "a test's name is 1 to 200 characters on one line",
    PREFIX: "a prefix is up to 64 characters on one line",
}


def checked(
    source: Source, node: Node, shape: type[Model], path: Path, plain: Any = None
) -> Model | None:
    """Return a node as its shape, or None; problems are noted in the source.

    Keys that are wrong are left out and the rest is checked again, so that one mistake does
    not hide the next: a shape is returned whenever what remains is one. ``plain``: the node's
    plain value, if it is known already.
    """
    if plain is None:
        plain = node.plain()
    if _has_empty(plain):
        _note_empty_values(source, node, path)
    for first in (True, False):
        try:
            return shape.model_validate(plain)
        except ValidationError as failure:
            errors = failure.errors(include_url=False)
        plain = deepcopy(plain)  # the caller's stays as it was written
        for error in errors:
            if first or error["type"] != "missing":
                _note(source, shape, error, path, _steps(error, plain))
        found = [_steps(error, plain) for error in errors]
        if not all(found) or any(error["type"] == "missing" for error in errors):
            break
        for steps in found:
            _take_out(plain, steps)
    return None


@cache
def _schema(shape: type[BaseModel]) -> dict[str, Any]:
    return shape.model_json_schema(by_alias=True)


def _has_empty(plain: Any) -> bool:
    """Whether there is a null somewhere, most of which have no place in a policy."""
    if plain is None:
        return True
    if isinstance(plain, dict):
        plain = plain.values()
    elif not isinstance(plain, list):
        return False
    return None in plain or any(
        _has_empty(inner) for inner in plain if isinstance(inner, dict | list)
    )


def _note_empty_values(source: Source, node: Node, path: Path) -> None:
    """Refuse keys without a value: ``match:`` with all below commented out is not "any packet"."""
    waiting: list[tuple[Node, Path]] = [(node, path)]
    while waiting:
        here, at = waiting.pop()
        if isinstance(here.value, dict):
            waiting += [(item, (*at, key)) for key, item in here.value.items()]
        elif isinstance(here.value, list):
            waiting += [(item, (*at, index)) for index, item in enumerate(here.value)]
        elif here.value is None and at[-2:] != ("expect", "rule"):
            source.problem("no value: give it one, or leave the key out", at, of_key=True)


def _steps(error: ErrorDetails, plain: Any) -> Path:
    """Return where the error is: what pydantic adds to the path is not in the document."""
    steps: list[str | int] = []
    for step in error["loc"]:
        is_key = isinstance(plain, dict) and step in plain
        if is_key or (isinstance(plain, list) and isinstance(step, int)):
            plain = plain[step]
        elif not (error["type"] == "missing" and step is error["loc"][-1]):
            continue  # the name of one of a union's forms
        steps.append(step)
    return tuple(steps)


def _note(
    source: Source, shape: type[BaseModel], error: ErrorDetails, path: Path, steps: Path
) -> None:
    if error["input"] is None and error["type"] != "missing":
        return  # noted as a key without a value
    message = _message(shape, error, steps)
    of_key = error["type"] == "extra_forbidden"
    source.problem(message, (*path, *steps), of_key=of_key)


def _message(shape: type[BaseModel], error: ErrorDetails, steps: Path) -> str:
    """Say what is wrong and what was expected."""
    found, context = written(error["input"]), error.get("ctx", {})
    if len(found) > 60:
        found = found[:57] + "..."
    match error["type"]:
        case "missing":
            return f"{steps[-1]!r} is missing"
        case "extra_forbidden":
            known = _known_keys(shape, steps[:-1])
            hint = near(steps[-1], known) or f": known here are {', '.join(known)}"
            return f"unknown key {steps[-1]!r}{hint}"
        case "literal_error":
            expected = str(context["expected"])
            choices = [choice.strip(" '") for choice in expected.replace(" or ", ",").split(",")]
            return f"expected {expected}, not {found!r}{near(found, choices)}"
        case "int_type" | "int_from_float":
            return f"expected a whole number, not {found}"
        case "string_type":
            return f"expected text, not {found}: quote it"
        case "bool_type":
            return f"expected true or false, not {found}"
        case "list_type":
            return f"expected a list, not {found}"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"expected a mapping (key: value), not {found}"
        case "greater_than_equal":
            return f"expected {context['ge']} or more, not {found}"
        case "less_than_equal":
            return f"expected {context['le']} or less, not {found}"
        case "too_short":
            return "an empty list: give it a value, or leave the key out"
        case "string_pattern_mismatch":
            return f"{found!r}: {_PATTERNS[str(context['pattern'])]}"
        case "value_error":
            return str(context["error"])
        case _:
            return f"{error['msg']}, not {found}"


def _known_keys(shape: type[BaseModel], steps: Path) -> list[str]:
    """Return the keys that a mapping at a path may have, out of the JSON Schema."""
    schema = _schema(shape)
    definitions = schema.get("$defs", {})
    nodes = [schema]
    for step in (*steps, None):
        nodes = [form for node in nodes for form in _forms(node, definitions)]
        if step is None:
            break
        key = "items" if isinstance(step, int) else "properties"
        nodes = [
            node[key] if isinstance(step, int) else node[key].get(step, {})
            for node in nodes
            if key in node
        ]
    return [name for node in nodes for name in node.get("properties", {})]


def _forms(node: dict[str, Any], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a schema's alternatives, references followed."""
    if "$ref" in node:
        return _forms(definitions[node["$ref"].rsplit("/", 1)[-1]], definitions)
    forms = [node]
    for alternative in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        forms += _forms(alternative, definitions)
    return forms


def _take_out(plain: Any, steps: Path) -> None:
    """Remove what a path leads to, if it is a key of a mapping."""
    for step in steps[:-1]:
        try:
            plain = plain[step]
        except (LookupError, TypeError):
            return
    if steps and isinstance(plain, dict):
        plain.pop(steps[-1], None)
