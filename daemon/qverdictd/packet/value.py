# SPDX-License-Identifier: GPL-2.0
"""What a field's value can be."""

import enum
from typing import NamedTuple


class Missing(enum.Enum):
    """Why a field has no value. Nothing past the bytes at hand is ever guessed."""

    ABSENT = "the packet does not have the field"
    CUT = "the packet has the field, the copy range cut it off"
    UNKNOWN = "the cut hides whether the packet has the field"


class Payload(NamedTuple):
    """The bytes after the transport header: those at hand, and how many there were."""

    data: bytes
    length: int


#: Numbers and flags are ints, addresses packed network-order bytes, interfaces their names.
Value = int | bytes | str | Payload | Missing
