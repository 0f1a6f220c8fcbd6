# SPDX-License-Identifier: GPL-2.0
"""The manual's table of fields, made from the table in the code.

``python -m qverdictd.policy.manual docs/policy.md`` writes it into the page, between its marks.
"""

import sys
from pathlib import Path

from qverdictd.packet.fields import FIELDS, Field

BEGIN = "<!-- fields: begin -->"
END = "<!-- fields: end -->"


def field_table() -> str:
    """Return the table as Markdown."""
    rows = ["| field | value | from | `set` | meaning |", "|---|---|---|---|---|"]
    for field in FIELDS.values():
        settable = "yes" if field.settable else ""
        rows.append(
            f"| `{field.name}` | {_value(field)} | {field.layer.value} | {settable} | {field.doc} |"
        )
    return "\n".join(rows)


def _value(field: Field) -> str:
    return field.kind.value.replace("|", "\\|")


def with_table(page: str) -> str:
    """Return the page with the present table between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{field_table()}\n{END}{after}"


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(with_table(file.read_text()))
