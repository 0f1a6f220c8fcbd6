# SPDX-License-Identifier: GPL-2.0
"""JSON Schema of the values that a field can be given, made from the table of fields."""

from typing import Any

from qverdictd.packet.fields import Field, Kind

Schema = dict[str, Any]

_SET_NAME: Schema = {"type": "string", "pattern": "^@"}


def _number(field: Field) -> Schema:
    return {"type": "integer", "minimum": 0, "maximum": field.maximum}


def _names(field: Field) -> list[Schema]:
    if field.accounts:
        return [{"type": "string"}]
    return [{"enum": list(field.names)}] if field.names else []


def _comparison(field: Field) -> Schema:
    return {
        "type": "object",
        "properties": {operator: _number(field) for operator in ("lt", "le", "gt", "ge")},
        "minProperties": 1,
        "additionalProperties": False,
    }


_WINDOW: Schema = {
    "type": "array",
    "items": {"type": "integer", "minimum": 0},
    "minItems": 2,
    "maxItems": 2,
}


def _payload(field: Field) -> list[Schema]:
    at = {"type": "integer", "minimum": 0}
    length = {"anyOf": [_number(field), {"type": "string"}, _comparison(field)]}
    forms: list[dict[str, Schema]] = [
        {"text": {"type": "string"}, "at": at, "within": _WINDOW},
        {"hex": {"type": "string"}, "at": at, "within": _WINDOW},
        {"regex": {"type": "string"}, "within": _WINDOW},
        {"length": length},
    ]
    return [
        {"type": "string"},
        *(
            {
                "type": "object",
                "properties": form,
                "required": [next(iter(form))],
                "additionalProperties": False,
            }
            for form in forms
        ),
    ]


def _single(field: Field) -> list[Schema]:
    match field.kind:
        case Kind.NUMBER:
            span = {"type": "string", "pattern": "^[0-9]+(-[0-9]+)?$"}
            return [_number(field), span, _comparison(field), *_names(field), _SET_NAME]
        case Kind.MASKED:
            masked = {
                "type": "object",
                "properties": {"value": _number(field), "mask": _number(field)},
                "required": ["value"],
                "additionalProperties": False,
            }
            span = {"type": "string", "pattern": "^[0-9]+(-[0-9]+)?$"}
            return [_number(field), span, _comparison(field), masked, _SET_NAME]
        case Kind.ENUM:
            return _names(field)
        case Kind.BOOL:
            return [{"type": "boolean"}]
        case Kind.BYTES:
            return _payload(field)
        case Kind.ADDRESS | Kind.FLAGS | Kind.INTERFACE | Kind.MAC:
            return [{"type": "string"}]


def value_schema(field: Field) -> Schema:
    """Return the schema of a field's value in a match: one, a list of them, or one negated."""
    single = _single(field)
    negated = {
        "type": "object",
        "properties": {"not": {"anyOf": [*single, {"type": "array"}]}},
        "required": ["not"],
        "additionalProperties": False,
    }
    several = {"type": "array", "items": {"anyOf": [*single, negated]}, "minItems": 1}
    return {"anyOf": [*single, negated, several]}


def set_schema(field: Field) -> Schema:
    """Return the schema of a value to which a field can be set: one number or name."""
    match field.kind:
        case Kind.NUMBER | Kind.MASKED:
            return {"anyOf": [_number(field), *_names(field)]}
        case Kind.ENUM:
            return _names(field)[0]
        case Kind.BOOL:
            return {"type": "boolean"}
        case _:
            return {"type": "string"}
