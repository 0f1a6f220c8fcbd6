# SPDX-License-Identifier: GPL-2.0
"""The fields' numbers, by which a lowered program and the compiled engine name them."""

import zlib
from collections.abc import Mapping

from qverdictd.packet.fields import FIELDS, ICMPV6_SPACE, TRANSPORTS

#: Field name to number: the place in the table.
NUMBER_OF: Mapping[str, int] = {name: number for number, name in enumerate(FIELDS)}


def _fingerprint() -> int:
    table = [
        (
            *(field.name, field.kind.name, field.layer.name, field.maximum, field.either),
            *(field.icmp_spaces, field.settable),
            *((int(p.header), p.offset, p.size, p.mask, p.shift) for p in field.places),
        )
        for field in FIELDS.values()
    ]
    headers = sorted((proto, int(header)) for proto, header in TRANSPORTS.items())
    return zlib.crc32(repr((table, headers, ICMPV6_SPACE)).encode())


#: 32 bits that change with the table: a program made with another table is refused by them.
FINGERPRINT = _fingerprint()
