# SPDX-License-Identifier: GPL-2.0
"""Single values of fields as a policy writes them: numbers, addresses, flags, names, bytes."""

import grp
import pwd
import re
import socket
from array import array
from collections.abc import Mapping
from difflib import get_close_matches

from qverdictd.action.pattern import Pattern
from qverdictd.packet.fields import FIELDS, ICMPV6_SPACE, Field, Kind, Layer
from qverdictd.packet.ranges import RANGE4_SIZE, address_range
from qverdictd.policy.members import Addresses, Interfaces, Interval, Macs, Masked, Members, Numbers

#: What the numbers of a set can be: those of any field.
_IN_SET = Field("a set's number", Kind.NUMBER, Layer.KERNEL, "", (), 0xFFFFFFFF)
_INTERFACE_NAME_MAX = 15  # IFNAMSIZ, linux/if.h, less its end mark


class ValueReadError(ValueError):
    """A value that cannot be understood; its text says what was expected."""


def near(word: object, known: Mapping[str, object] | list[str]) -> str:
    """Return ``: did you mean ..?`` if the word is close to a known one, else nothing."""
    text = str(word)
    close = get_close_matches(text, list(known))
    if not close:
        return ""
    # The same letters in another order are the commonest slip.
    best = next((name for name in close if sorted(name) == sorted(text)), close[0])
    return f": did you mean {best!r}?"


def written(raw: object) -> str:
    """Return a value as the policy has it, on one line."""
    if isinstance(raw, dict):
        return "{" + ", ".join(f"{key}: {written(value)}" for key, value in raw.items()) + "}"
    if isinstance(raw, list):
        return "[" + ", ".join(map(written, raw)) + "]"
    if isinstance(raw, bool):
        return "true" if raw else "false"
    return "null" if raw is None else str(raw)


def set_member(type_: str, raw: object) -> Members:
    """Read one value of a set. Raises `ValueReadError`."""
    match type_:
        case "cidr":
            return addresses(raw)
        case "port":
            return members(FIELDS["dport"], raw)
        case "number":
            return numbers(_IN_SET, raw)
        case "interface":
            return interface(raw)
        case _:
            return Macs(frozenset((mac(raw),)))


def members(field: Field, raw: object) -> Members:
    """Read one value of a field, not a set. Raises `ValueReadError`."""
    match field.kind:
        case Kind.ADDRESS:
            return addresses(raw)
        case Kind.INTERFACE:
            return interface(raw)
        case Kind.MAC:
            return Macs(frozenset((mac(raw),)))
        case Kind.FLAGS:
            return _flags(field, raw)
        case Kind.BOOL:
            if not isinstance(raw, bool):
                raise ValueReadError(f"expected true or false, not {written(raw)}")
            return Numbers.of([(int(raw), int(raw))])
        case Kind.MASKED if isinstance(raw, dict) and "value" in raw:
            return _masked(field, raw)
        case _:
            return numbers(field, raw)


def number(field: Field, raw: object) -> int:
    """Read a value that is one number or a name of one. Raises `ValueReadError`."""
    found = members(field, raw)
    if isinstance(found, Numbers) and len(found.intervals) == 1:
        low, high = found.intervals[0]
        if low == high:
            return low
    raise ValueReadError(f"expected one number, not {written(raw)}")


def numbers(field: Field, raw: object) -> Numbers:
    """Read a number, a range, a comparison or a name. Raises `ValueReadError`."""
    if isinstance(raw, dict):
        found = Numbers.of([_comparison(field, raw)])
    elif isinstance(raw, int) and not isinstance(raw, bool) and field.kind is not Kind.ENUM:
        found = Numbers.of([(_bounded(field, raw),) * 2])
    elif isinstance(raw, str):
        if raw in field.names:
            return Numbers.of((value, value) for value in field.names[raw])
        found = Numbers.of([_range_or_account(field, raw)])
    else:
        raise ValueReadError(f"expected {_expected(field)}, not {written(raw)}")
    return both_spaces(found) if field.icmp_spaces else found


def both_spaces(found: Numbers) -> Numbers:
    """Let numbers of ICMP's space stand for the same numbers of ICMPv6 too."""
    own = [
        (low, min(high, ICMPV6_SPACE - 1)) for low, high in found.intervals if low < ICMPV6_SPACE
    ]
    moved = ((low + ICMPV6_SPACE, high + ICMPV6_SPACE) for low, high in own)
    return Numbers.of([*own, *moved])


def _expected(field: Field) -> str:
    if field.kind is Kind.ENUM:
        return "one of " + ", ".join(field.names)
    if field.accounts:
        return f"a number, a range or a name out of {field.accounts}"
    return f"a number from 0 to {field.maximum}, a range" + (" or a name" if field.names else "")


def _bounded(field: Field, value: int) -> int:
    if not 0 <= value <= field.maximum:
        raise ValueReadError(f"{value} is out of range: {field.name} is 0 to {field.maximum}")
    return value


def _range_or_account(field: Field, text: str) -> Interval:
    if field.kind is not Kind.ENUM:
        low, dash, high = text.partition("-")
        if _is_number(low) and (_is_number(high) if dash else True):
            first = _bounded(field, int(low))
            last = _bounded(field, int(high)) if dash else first
            if last < first:
                raise ValueReadError(f"the range {text} runs backwards: {high}-{low}")
            return first, last
    if field.accounts:
        return (_account(field, text),) * 2
    raise ValueReadError(f"expected {_expected(field)}, not {text!r}" + near(text, field.names))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10


def _account(field: Field, name: str) -> int:
    try:
        if field.accounts == "passwd":
            return pwd.getpwnam(name).pw_uid
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ValueReadError(f"no {field.name} is called {name!r} on this machine") from None


def _comparison(field: Field, raw: dict[str, object]) -> Interval:
    """Read ``{lt: ..}`` and its kin; several together bound a range."""
    low, high = 0, field.maximum
    for operator, bound in raw.items():
        if operator not in ("lt", "le", "gt", "ge"):
            raise ValueReadError(
                f"unknown operator {operator!r}: {field.name} takes lt, le, gt, ge, not"
                + (", or value with mask" if field.kind is Kind.MASKED else "")
            )
        if not isinstance(bound, int) or isinstance(bound, bool):
            raise ValueReadError(f"{operator}: expected a number, not {written(bound)}")
        _bounded(field, bound)
        if operator in ("lt", "le"):
            high = min(high, bound - (operator == "lt"))
        else:
            low = max(low, bound + (operator == "gt"))
    if low > high or not raw:
        raise ValueReadError(f"{written(raw)} can never hold")
    return low, high


def _masked(field: Field, raw: dict[str, object]) -> Masked:
    for key in raw:
        if key not in ("value", "mask"):
            raise ValueReadError(f"unknown key {key!r}: expected value and mask")
    value, mask = raw["value"], raw.get("mask", field.maximum)
    for part in (value, mask):
        if not isinstance(part, int) or isinstance(part, bool):
            raise ValueReadError(f"expected a number, not {written(part)}")
        _bounded(field, part)
    if value & ~mask:  # type: ignore[operator]
        raise ValueReadError(f"{written(raw)} can never hold: value has bits outside mask")
    return Masked(value, mask)  # type: ignore[arg-type]


def _flags(field: Field, raw: object) -> Masked:
    if not isinstance(raw, str):
        raise ValueReadError(f'expected flags such as "syn,!ack", not {written(raw)}')
    value = mask = 0
    for part in raw.split(","):
        name = part.strip().removeprefix("!")
        if name not in field.names:
            known = ", ".join(field.names)
            raise ValueReadError(
                f"unknown flag {name!r}: expected {known}" + near(name, field.names)
            )
        bit = field.names[name][0]
        if mask & bit:
            raise ValueReadError(f"flag {name!r} is named twice")
        mask |= bit
        if not part.strip().startswith("!"):
            value |= bit
    return Masked(value, mask)


def address(raw: object) -> bytes:
    """Read one address, packed. Raises `ValueReadError`."""
    if isinstance(raw, str):
        for family in (socket.AF_INET, socket.AF_INET6):
            try:
                return socket.inet_pton(family, raw)
            except (OSError, ValueError):  # ValueError: there is a NUL in it
                continue
    raise ValueReadError(f"expected an IPv4 or IPv6 address, not {written(raw)}")


def addresses(raw: object) -> Addresses:
    """Read an address, a prefix or a range. Raises `ValueReadError`."""
    if not isinstance(raw, str):
        raise ValueReadError(f'expected an address, a CIDR or an "a-b" range, not {written(raw)}')
    plain = address_range(raw) if raw.isascii() else None
    if plain is not None:
        return Addresses(plain, b"") if len(plain) == RANGE4_SIZE else Addresses(b"", plain)
    base, slash, prefix = raw.partition("/")
    if slash:
        packed = address(base)
        bits = 8 * len(packed)
        if not _is_number(prefix) or int(prefix) > bits:
            raise ValueReadError(f"expected a prefix length from 0 to {bits}, not {prefix!r}")
        low = int.from_bytes(packed, "big")
        host_bits = (1 << bits - int(prefix)) - 1
        if low & host_bits:
            family = socket.AF_INET if bits == 32 else socket.AF_INET6
            network = socket.inet_ntop(family, (low & ~host_bits).to_bytes(bits // 8, "big"))
            raise ValueReadError(
                f"{raw} has bits set past its prefix: {network}/{prefix}, or the address alone?"
            )
        return _range(packed, (low | host_bits).to_bytes(bits // 8, "big"))
    first, dash, last = raw.partition("-")
    packed = address(first.strip())
    end = address(last.strip()) if dash else packed
    if len(packed) != len(end):
        raise ValueReadError(f"the range {raw} begins and ends in different families")
    if end < packed:
        raise ValueReadError(f"the range {raw} runs backwards")
    return _range(packed, end)


def _range(low: bytes, high: bytes) -> Addresses:
    if len(low) == 4:
        bounds = (int.from_bytes(low, "big"), int.from_bytes(high, "big"))
        return Addresses(array("I", bounds).tobytes(), b"")
    return Addresses(b"", low + high)


def interface(raw: object) -> Interfaces:
    """Read an interface name or a prefix of one. Raises `ValueReadError`."""
    if not isinstance(raw, str) or not raw:
        raise ValueReadError(f"expected an interface's name, not {written(raw)}")
    name = raw.removesuffix("*")
    if len(name.encode()) > _INTERFACE_NAME_MAX:
        raise ValueReadError(f"{raw!r}: an interface's name has at most 15 bytes")
    if "*" in name or "/" in name or any(character.isspace() for character in name):
        raise ValueReadError(f"{raw!r}: expected a name, with * at its end alone for a prefix")
    if name != raw:
        return Interfaces(frozenset(), (name,))
    return Interfaces(frozenset((raw,)))


def mac(raw: object) -> bytes:
    """Read a hardware address, packed. Raises `ValueReadError`."""
    if isinstance(raw, str) and re.fullmatch(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}", raw):
        return bytes.fromhex(raw.replace(":", "").replace("-", ""))
    raise ValueReadError(
        f'expected a hardware address such as "02:00:5e:10:00:01", not {written(raw)}'
    )


def hex_bytes(text: str) -> bytes:
    """Read hexadecimal digits, blanks between bytes. Raises `ValueReadError`."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ValueReadError(f'expected bytes as "dead beef", not {text!r}') from None


def bytes_of(text: str | None, hex_: str | None) -> bytes:
    """Read the one of ``text`` and ``hex`` that is given. Raises `ValueReadError`."""
    if (text is None) == (hex_ is None):
        raise ValueReadError("expected text or hex, one of them")
    return text.encode() if text is not None else hex_bytes(hex_ or "")


def regex(raw: object) -> Pattern:
    """Compile a regular expression. Raises `ValueReadError`."""
    if not isinstance(raw, str) or not raw:
        raise ValueReadError(f"expected a regular expression, not {written(raw)!r}")
    try:
        return Pattern.compile(raw)
    except ValueError as error:
        raise ValueReadError(str(error)) from None
