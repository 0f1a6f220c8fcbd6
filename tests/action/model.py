# SPDX-License-Identifier: GPL-2.0
"""What rewrites should do, told of fields and a payload instead of bytes: a model to compare with.

Fields are those that scapy sees (`packet.seen`), patterns are matched by Python's `re`.
"""

import re
from collections.abc import Sequence

from qverdictd.action.rewrite import (
    Replace,
    ReplacePattern,
    Rewrite,
    SetAddress,
    SetNumber,
    SetPayload,
)
from qverdictd.packet.value import Missing, Payload, Value

from ..generators.packets import Made
from ..packet.seen import seen

#: UDP, UDP-Lite, ICMP, ICMPv6: the protocols whose payloads may change their size.
RESIZABLE = (17, 136, 1, 58)


class CannotError(Exception):
    """The model says that an edit cannot be done."""


def expected(made: Made, edits: Sequence[Rewrite]) -> dict[str, Value]:
    """Return the fields that the packet should have after the edits. Raises `CannotError`."""
    fields = seen(made.data, made.family)
    for edit in edits:
        if isinstance(edit, SetNumber | SetAddress):
            old = fields.get(edit.field)
            value = edit.value if isinstance(edit, SetNumber) else edit.address
            if old is None:
                raise CannotError
            if isinstance(old, bytes) and isinstance(value, bytes) and len(old) != len(value):
                raise CannotError
            fields[edit.field] = value
        else:
            fields["payload"] = _payload(fields, edit, made)
    before = seen(made.data, made.family).get("payload")
    after = fields.get("payload")
    if isinstance(before, Payload) and isinstance(after, Payload):
        length = fields["length"]
        assert isinstance(length, int)
        fields["length"] = length + after.length - before.length
    return fields


def _payload(
    fields: dict[str, Value], edit: Replace | ReplacePattern | SetPayload, made: Made
) -> Payload:
    payload = fields.get("payload", Missing.ABSENT)
    if not isinstance(payload, Payload):
        raise CannotError
    new = _edited(payload.data, edit)
    if len(new) != payload.length and (made.fragment or fields["proto"] not in RESIZABLE):
        raise CannotError
    return Payload(new, len(new))


def _edited(old: bytes, edit: Replace | ReplacePattern | SetPayload) -> bytes:
    if isinstance(edit, SetPayload):
        return edit.data
    if isinstance(edit, Replace):
        return edit.with_.join(old.split(edit.find, edit.count or -1))
    parts = edit.with_
    return re.sub(
        edit.find.source.encode(),
        lambda match: b"".join(p if isinstance(p, bytes) else match[p] or b"" for p in parts),
        old,
        count=edit.count or 0,
    )
