# SPDX-License-Identifier: GPL-2.0
"""The shape of a policy file: which keys, where, of what type. Pydantic holds to it, strictly.

What the values of fields mean (``"1024-65535"``, ``{not: "@admins"}``) is read in `values`. The
JSON Schema is made from these classes and the table of fields.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, WithJsonSchema, create_model

from qverdictd.packet.fields import FIELDS
from qverdictd.packet.fields import Field as TableField
from qverdictd.policy.value_schema import set_schema, value_schema

_Schema = Callable[[TableField], dict[str, Any]]

#: What a rule, set or test may be called.
NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.\-]{0,63}$"
TEST_NAME = r"^[^\x00-\x1f]{1,200}$"
#: What a log's prefix may be: no line of a log can be made to look like another.
PREFIX = r"^[^\x00-\x1f\x7f]{0,64}$"

Name = Annotated[str, Field(pattern=NAME)]
Mark = Annotated[int, Field(ge=0, le=0xFFFFFFFF)]


class Shape(BaseModel):
    """No key but those named, no value of another type."""

    # What a shape needs is built when it is first used: most commands use few of them.
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


def _by_form(value: object) -> str:
    """Tell a mapping from the rest, so that errors speak of one form only."""
    return "<mapping>" if isinstance(value, dict | Shape) else "<scalar>"


class QueueShape(Shape):
    """``{queue: N}``."""

    queue: int = Field(ge=0, le=65535, description="number of another queue")


class MarkShape(Shape):
    """``{set: V, mask: M}``: new = (old & ~M) | (V & M)."""

    set: Mark
    mask: Mark = 0xFFFFFFFF


class LogShape(Shape):
    """``{level: .., prefix: ..}``."""

    level: Literal["debug", "info", "notice", "warning", "error"] = "info"
    prefix: str = Field(default="", pattern=PREFIX)


class ReplaceShape(Shape):
    """Replace bytes of the payload; one of ``text``, ``hex``, ``regex`` says which."""

    text: str | None = None
    hex: str | None = None
    regex: str | None = None
    with_: str | None = Field(default=None, alias="with")
    with_hex: str | None = None
    count: int | None = Field(default=None, ge=1)


class PayloadShape(Shape):
    """The whole new payload: ``text`` or ``hex``."""

    text: str | None = None
    hex: str | None = None


PayloadText = Annotated[
    Annotated[str, Tag("<scalar>")] | Annotated[PayloadShape, Tag("<mapping>")],
    Discriminator(_by_form),
]


def _with_fields(
    name: str, doc: str, base: type[Shape], fields: list[TableField], schema: _Schema
) -> Any:
    """Make a shape with a key for each field; none is required, values are read later."""
    keys: dict[str, Any] = {
        f"field_{number}": (
            Annotated[Any, WithJsonSchema(schema(field))],
            Field(default=None, alias=field.name, description=field.doc),
        )
        for number, field in enumerate(fields)
    }
    return create_model(name, __base__=base, __doc__=doc, **keys)


class _MatchJoins(Shape):
    """The keys of a match that join others."""

    any: list["MatchShape"] | None = Field(  # type: ignore[valid-type]
        default=None, description="one of these holds", min_length=1
    )
    all: list["MatchShape"] | None = Field(  # type: ignore[valid-type]
        default=None, description="all of these hold", min_length=1
    )
    not_: "MatchShape | None" = Field(  # type: ignore[valid-type]
        default=None, alias="not", description="this does not hold, and is not absent"
    )


MatchShape = _with_fields(
    "MatchShape", "Holds when all of its keys hold.", _MatchJoins, [*FIELDS.values()], value_schema
)
SettableShape = _with_fields(
    "SettableShape",
    "Header fields and their new values.",
    Shape,
    [field for field in FIELDS.values() if field.settable],
    set_schema,
)


class RewriteShape(Shape):
    """One edit: exactly one of ``set``, ``replace``, ``payload``."""

    set: SettableShape | None = None  # type: ignore[valid-type]
    replace: ReplaceShape | None = None
    payload: PayloadShape | None = None


PlainVerdict = Literal["accept", "drop", "repeat", "continue"]


class RuleShape(Shape):
    """A rule. The first that matches and decides ends the evaluation."""

    name: Name
    match: MatchShape | None = Field(  # type: ignore[valid-type]
        default=None, description="left out: every packet"
    )
    verdict: Annotated[
        Annotated[PlainVerdict, Tag("<scalar>")] | Annotated[QueueShape, Tag("<mapping>")],
        Discriminator(_by_form),
    ] = Field(default="continue", description="`continue` applies the actions and goes on")
    mark: (
        Annotated[
            Annotated[Mark, Tag("<scalar>")] | Annotated[MarkShape, Tag("<mapping>")],
            Discriminator(_by_form),
        ]
        | None
    ) = None
    rewrite: list[RewriteShape] = Field(
        default_factory=list,  # a default would be copied deeply for each rule
        description="applied in order",
        json_schema_extra={"default": []},
    )
    log: Annotated[
        Annotated[bool, Tag("<scalar>")] | Annotated[LogShape, Tag("<mapping>")],
        Discriminator(_by_form),
    ] = False


class SetShape(Shape):
    """A set, from ``values``, a ``file`` (one value a line, ``#`` comments), or both."""

    type: Literal["cidr", "port", "number", "interface", "mac"]
    values: list[Any] | None = None
    file: str | None = Field(default=None, description="relative to this file")


class _PacketBytes(Shape):
    payload: PayloadText = Field(default="", description="text, or {hex: ..}")
    hex: str | None = Field(default=None, description="the whole network packet's bytes")


PacketShape = _with_fields(
    "PacketShape",
    "A packet by its fields; what is left out is filled in.",
    _PacketBytes,
    [field for name, field in FIELDS.items() if name not in ("length", "port", "payload")],
    set_schema,
)

Reasons = Literal["rule", "default", "malformed", "truncated", "action-failed", "unsupported"]


class ExpectShape(Shape):
    """What must be decided of the packet; keys left out are not asked."""

    verdict: Annotated[
        Annotated[Literal["accept", "drop", "repeat"], Tag("<scalar>")]
        | Annotated[QueueShape, Tag("<mapping>")],
        Discriminator(_by_form),
    ]
    rule: str | None = Field(default=None, description="null: no rule decided")
    reason: Reasons | None = None
    mark: Mark | None = None
    replaced: bool | None = None
    payload: PayloadText | None = Field(default=None, description="the payload as it leaves")


class TestShape(Shape):
    """A packet and what must be decided of it, tried at every load."""

    name: Annotated[str, Field(pattern=TEST_NAME)]
    packet: PacketShape  # type: ignore[valid-type]
    expect: ExpectShape


class OutlineShape(Shape):
    """A policy's outer keys; rules, sets and tests are checked one by one."""

    version: Literal[1]
    default: Literal["accept", "drop"] | None = None
    on_error: Literal["accept", "drop"] | None = None
    sets: dict[str, Any] = {}
    rules: list[Any] = []
    tests: list[Any] = []


class PolicyShape(OutlineShape):
    """A qverdictd policy."""

    version: Literal[1] = Field(description="of the language: 1")
    default: Literal["accept", "drop"] = Field(
        default="accept", description="the verdict when no rule decides"
    )
    on_error: Literal["accept", "drop"] = Field(
        default="drop", description="the verdict for a packet that cannot be judged"
    )
    sets: dict[Name, SetShape] = Field(
        default={}, json_schema_extra={"additionalProperties": False}
    )
    rules: list[RuleShape] = []
    tests: list[TestShape] = []
