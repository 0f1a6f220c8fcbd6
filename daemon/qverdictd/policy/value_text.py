# SPDX-License-Identifier: GPL-2.0
"""Values of a program as people read them: prefixes, names of numbers, flags."""

from collections.abc import Iterable, Sequence

from qverdictd.packet.fields import ICMPV6_SPACE, Field, Kind
from qverdictd.packet.value import address_text
from qverdictd.policy.members import Interval

#: Of a longer list only these are shown, and how many more there are.
MOST_SHOWN = 20


def listed(values: Sequence[str], left_out: int = 0) -> str:
    """Return a value, or a list of them; ``left_out`` more are not among the values."""
    if len(values) == 1 and not left_out:
        return values[0]
    shown = [*values[:MOST_SHOWN]]
    left_out += len(values) - len(shown)
    if left_out:
        shown.append(f"and {left_out:,} more")
    return f"[{', '.join(shown)}]"


def numbers_text(field: Field, intervals: Sequence[Interval]) -> str:
    """Return numbers, by their names where the field has some."""
    if field.kind is Kind.BOOL:
        return listed(["true" if low else "false" for low, _ in intervals])
    if field.icmp_spaces:
        return listed(_icmp(field, intervals))
    if field.kind is Kind.ENUM:
        intervals = [(number,) * 2 for low, high in intervals for number in range(low, high + 1)]
    if field.names:
        names = {numbers[0]: name for name, numbers in reversed([*field.names.items()])}
        return listed(
            [
                names.get(low, str(low)) if low == high else f"{low}-{high}"
                for low, high in intervals
            ]
        )
    form = "{:#x}" if field.kind is Kind.MASKED else "{}"
    return listed([_interval(low, high, form) for low, high in intervals])


def _interval(low: int, high: int, form: str = "{}") -> str:
    return form.format(low) if low == high else f"{form.format(low)}-{form.format(high)}"


def _icmp(field: Field, intervals: Sequence[Interval]) -> list[str]:
    """Return numbers of ICMP and ICMPv6: those of both plainly, the others by name or protocol."""
    own = [(low, min(high, ICMPV6_SPACE - 1)) for low, high in intervals if low < ICMPV6_SPACE]
    moved = [
        (max(low, ICMPV6_SPACE) - ICMPV6_SPACE, high - ICMPV6_SPACE)
        for low, high in intervals
        if high >= ICMPV6_SPACE
    ]
    if own == moved:
        return [_interval(low, high) for low, high in own]
    left = {number for low, high in intervals for number in range(low, high + 1)}
    shown = []
    for name, numbers in field.names.items():
        if left.issuperset(numbers):
            shown.append(name)
            left.difference_update(numbers)
    return shown + [
        f"icmp {number}" if number < ICMPV6_SPACE else f"icmpv6 {number - ICMPV6_SPACE}"
        for number in sorted(left)
    ]


def masked_text(field: Field, value: int, mask: int) -> str:
    """Return what asks for some bits: flags by name, or value and mask."""
    if field.kind is not Kind.FLAGS:
        return f"{{value: {value:#x}, mask: {mask:#x}}}"
    bits = ((name, numbers[0]) for name, numbers in field.names.items())
    return ",".join(name if value & bit else f"!{name}" for name, bit in bits if mask & bit)


def range_text(low: bytes, high: bytes) -> str:
    """Return a range of packed addresses: an address, a prefix if it is one, or both ends."""
    if low == high:
        return address_text(low)
    bits = 8 * len(low)
    differing = int.from_bytes(low, "big") ^ int.from_bytes(high, "big")
    host_bits = differing.bit_length()
    first = int.from_bytes(low, "big")
    if differing == (1 << host_bits) - 1 and not first & differing:
        return f"{address_text(low)}/{bits - host_bits}"
    return f"{address_text(low)}-{address_text(high)}"


def macs_text(macs: Iterable[bytes]) -> str:
    """Return hardware addresses."""
    return listed([mac.hex(":") for mac in macs])


def interfaces_text(interfaces: Iterable[tuple[bytes, int, bool]]) -> str:
    """Return interface names and prefixes, as a program has them."""
    return listed([printable(name[:length]) + "*" * prefix for name, length, prefix in interfaces])


def printable(text: bytes) -> str:
    """Return UTF-8 as text, with what cannot be printed as escapes."""
    return "".join(
        character if character.isprintable() else repr(character)[1:-1]
        for character in text.decode(errors="backslashreplace")
    )
