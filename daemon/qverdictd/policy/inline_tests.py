# SPDX-License-Identifier: GPL-2.0
"""A policy's inline ``tests:``: packets made from a description, judged at every load."""

from typing import Any

from qverdictd.action.decision import Decision, Reason
from qverdictd.errors import Problem
from qverdictd.packet.build import BuildError, build, known_to_kernel_only
from qverdictd.packet.decode import decode
from qverdictd.packet.fields import FIELDS, Kind
from qverdictd.packet.raw import RawPacket
from qverdictd.packet.value import Payload
from qverdictd.policy.document import PayloadShape, TestShape
from qverdictd.policy.literals import (
    ValueReadError,
    address,
    bytes_of,
    hex_bytes,
    interface,
    mac,
    members,
    number,
    written,
)
from qverdictd.policy.members import Interfaces, Masked
from qverdictd.policy.model import Expectation, Place, Policy, PolicyTest, Rule
from qverdictd.policy.outcome import TRUE
from qverdictd.policy.reference import evaluate
from qverdictd.policy.rules import verdict_of
from qverdictd.policy.source import Node, Path, Source


def read_test(shape: TestShape, node: Node, source: Source, path: Path) -> PolicyTest | None:
    """Return the test, or None with its problems noted in the source."""
    plain = node.plain()
    try:
        packet = _packet(shape.packet, plain["packet"], source, (*path, "packet"))
    except BuildError as error:
        source.problem(str(error), (*path, "packet"))
        return None
    except ValueReadError:
        return None
    verdict, queue = verdict_of(shape.expect.verdict)
    expect = Expectation(
        verdict,
        queue,
        shape.expect.rule,
        "rule" in shape.expect.model_fields_set,
        Reason(shape.expect.reason) if shape.expect.reason else None,
        shape.expect.mark,
        _bytes_in(shape.expect.payload, source, (*path, "expect", "payload")),
        shape.expect.replaced,
    )
    place = Place(source.name, node.line, node.column)
    return PolicyTest(shape.name, packet, expect, place)


def _packet(shape: Any, plain: dict[str, Any], source: Source, path: Path) -> RawPacket:
    values: dict[str, int | bytes | str] = {}
    failed = False
    for name, raw in plain.items():
        if name in ("payload", "hex") or name not in FIELDS:
            continue
        try:
            values[name] = _value(name, raw, plain)
        except ValueReadError as error:
            source.problem(str(error), (*path, name))
            failed = True
    try:
        if failed:
            raise ValueReadError
        if shape.hex is None:
            payload = (
                shape.payload.encode()
                if isinstance(shape.payload, str)
                else bytes_of(shape.payload.text, shape.payload.hex)
            )
            return build(values, payload)
        for name in plain:
            if name != "hex" and (name == "payload" or FIELDS[name].places):
                raise BuildError(f"hex is the whole packet: {name} does not go with it")
        return known_to_kernel_only(values, hex_bytes(shape.hex))
    except ValueReadError as error:
        if str(error):
            source.problem(str(error), path)
        raise


def _value(name: str, raw: object, plain: dict[str, Any]) -> int | bytes | str:
    """Read the one value that a packet has in a field."""
    field = FIELDS[name]
    match field.kind:
        case Kind.ADDRESS:
            return address(raw)
        case Kind.MAC:
            return mac(raw)
        case Kind.INTERFACE:
            found = interface(raw)
            if isinstance(found, Interfaces) and len(found.exact) == 1:
                return str(raw)
            raise ValueReadError(f"expected one interface's name, not {written(raw)}")
        case Kind.FLAGS:
            flags = members(field, raw)
            assert isinstance(flags, Masked)
            return flags.value
    if field.icmp_spaces:
        return _icmp(name, raw, plain)
    return number(field, raw)


def _icmp(name: str, raw: object, plain: dict[str, Any]) -> int:
    """Read a type or code; a name means the number of the packet's own protocol."""
    field = FIELDS[name]
    if isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw <= field.maximum:
        return raw
    v6 = (
        plain.get("proto") in ("icmpv6", 58)
        or plain.get("family") == "ip6"
        or any(":" in str(plain.get(end, "")) for end in ("src", "dst"))
    )
    for value in field.names.get(str(raw), ()):
        if (value > field.maximum) is v6:
            return value
    of = "ICMPv6" if v6 else "ICMP"
    raise ValueReadError(f"expected a number from 0 to 255 or a name of {of}'s, not {written(raw)}")


def _bytes_in(payload: str | PayloadShape | None, source: Source, path: Path) -> bytes | None:
    if payload is None or isinstance(payload, str):
        return None if payload is None else payload.encode()
    try:
        return bytes_of(payload.text, payload.hex)
    except ValueReadError as error:
        source.problem(str(error), path)
        return None


def failures(policy: Policy) -> list[Problem]:
    """Run a policy's tests; return what is wrong with those that fail."""
    return [
        Problem(test.place.file, test.place.line, test.place.column, why)
        for test in policy.tests
        if (why := _failure(policy, test)) is not None
    ]


def _failure(policy: Policy, test: PolicyTest) -> str | None:
    """Return what a failing test expected, what it got, and the rules on the way; else None."""
    trace: list[str] = []

    def followed(rule: Rule, outcome: int) -> None:
        word = "matches" if outcome == TRUE else "cannot be told" if outcome & TRUE else "no"
        trace.append(f"{rule.name} ({word})")

    decision = evaluate(policy, test.packet, followed)
    wrong = list(_differences(test, decision))
    if not wrong:
        return None
    shown = trace if len(trace) <= 20 else [*trace[:3], f"... {len(trace) - 13} more", *trace[-10:]]
    way = " > ".join([*shown, decision.reason.value])
    return f"test {test.name!r} fails: {'; '.join(wrong)}; rules followed: {way}"


def _differences(test: PolicyTest, decision: Decision) -> list[str]:
    expect = test.expect
    replaced = decision.replacement is not None
    asked: list[tuple[str, object, object]] = [
        ("verdict", _verdict(expect), _verdict(decision)),
    ]
    if expect.rule_given:
        asked.append(("rule", expect.rule or "none", decision.rule or "none"))
    if expect.reason is not None:
        asked.append(("reason", expect.reason.value, decision.reason.value))
    if expect.mark is not None:
        asked.append(("mark", hex(expect.mark), hex(decision.mark)))
    if expect.replaced is not None:
        asked.append(("replaced", expect.replaced, replaced))
    if expect.payload is not None:
        asked.append(("payload", expect.payload, _payload(test, decision)))
    return [f"{name} expected {wanted}, got {got}" for name, wanted, got in asked if wanted != got]


def _verdict(of: Expectation | Decision) -> str:
    return of.verdict.value if of.queue is None else f"{{queue: {of.queue}}}"


def _payload(test: PolicyTest, decision: Decision) -> bytes | None:
    """Return the payload as the packet leaves; None if it has none."""
    raw = test.packet
    if decision.replacement is not None:
        data = decision.replacement
        raw = RawPacket(raw.id, data, len(data), raw.family)
    payload = decode(raw)["payload"]
    return payload.data if isinstance(payload, Payload) else None
