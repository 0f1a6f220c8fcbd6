# SPDX-License-Identifier: GPL-2.0
"""What a field's value can be."""

import enum
import socket
from typing import NamedTuple


class Missing(enum.Enum):
    """Why a field has no value. Nothing past the bytes at hand is ever guessed."""

    ABSENT = "the packet does not have the field"
    CUT = "the packet has the field, the copy range cut it off"
    UNKNOWN = "the cut hides whether the packet has the field"

    __hash__ = object.__hash__  # by identity, as enums compare: looked up for each packet


class Payload(NamedTuple):
    """The bytes after the transport header: those at hand, and how many there were."""

    data: bytes
    length: int


#: Numbers and flags are ints, addresses packed network-order bytes, interfaces their names.
Value = int | bytes | str | Payload | Missing


def address_text(address: bytes) -> str:
    """Return a packed address as people write it."""
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)
