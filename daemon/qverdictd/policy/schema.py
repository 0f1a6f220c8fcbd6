# SPDX-License-Identifier: GPL-2.0
"""The JSON Schema of a policy, for editors."""

from typing import Any

from qverdictd.policy.document import PolicyShape


def schema() -> dict[str, Any]:
    """Return the schema: made from the shapes and the table of fields, so never behind them."""
    made = PolicyShape.model_json_schema(by_alias=True)
    _without_titles(made)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "qverdictd policy",
        **made,
    }


def _without_titles(node: Any) -> None:
    """Drop the titles that pydantic makes of key names: editors would show them."""
    if isinstance(node, list):
        for item in node:
            _without_titles(item)
    elif isinstance(node, dict):
        if isinstance(node.get("title"), str):
            del node["title"]
        for value in node.values():
            _without_titles(value)
