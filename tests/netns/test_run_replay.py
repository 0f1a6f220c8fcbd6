# SPDX-License-Identifier: GPL-2.0
"""The live queue and ``replay`` decide the same of the same packets, and send the same bytes."""

import contextlib
import io
import json
import socket
import struct
import time
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from qverdictd import cli
from tests.netns.daemon import Daemon, Record
from tests.netns.generated import on_the_wire, packed, packets
from tests.netns.lab import CLIENT, LINKS, SERVER, Lab

# On error: accept, so that malformed packets arrive and can be compared too.
POLICY = """
version: 1
default: accept
on_error: accept
sets:
  strangers: {type: cidr, values: [203.0.113.0/24, "2001:db8:77::/48"]}
rules:
  - name: opening
    match: {tcp.flags: "syn,!ack"}
    mark: 0x1
  - name: odd
    match: {any: [{sport: 7}, {icmp.type: [destination-unreachable, 11]}]}
    verdict: drop
  - name: strangers
    match: {src: "@strangers", dport: {not: [80, 9999]}}
    verdict: drop
  - name: far
    match: {ttl: {gt: 64}}
    rewrite: [{set: {ttl: 64, dscp: cs1}}]
  - name: grow
    match: {proto: udp, payload: {regex: "h[ae]llo"}}
    rewrite: [{replace: {regex: "h([ae])llo", with: "good d\\\\1y", count: 2}}]
    mark: {set: 0x20, mask: 0xf0}
    verdict: accept
  - name: loud
    match: {proto: tcp, payload: hello}
    rewrite: [{replace: {text: hello, with: HELLO}}]
  - name: window
    match: {tcp.window: {lt: 20000}}
    rewrite: [{set: {tcp.window: 20000}}]
    verdict: accept
  - name: pong
    match: {proto: [icmp, icmpv6], fragment: false}
    rewrite: [{payload: {text: pong}}]
    verdict: accept
  - name: long
    match: {length: {ge: 250}}
    verdict: drop
  - name: elsewhere
    match: {dport: "1000-9999"}
    rewrite: [{set: {dport: 7, sport: 7}}]
"""

ETH_P_ALL = 3
ETHERTYPE = {4: b"\x08\x00", 6: b"\x86\xdd"}
PATIENCE = 10.0


def frame(packet: bytes, padding: bytes) -> bytes:
    """Return the client's Ethernet frame to the gateway."""
    client, gateway = (bytes.fromhex(end.mac.replace(":", "")) for end in LINKS[0])
    return gateway + client + ETHERTYPE[packet[0] >> 4] + packet + padding


def unpadded(data: bytes) -> bytes:
    """Return an Ethernet frame's IP packet without what follows it."""
    packet = data[14:]
    size = int.from_bytes(packet[2:4]) if packet[0] >> 4 == 4 else 40 + int.from_bytes(packet[4:6])
    return packet[:size]


def write_capture(file: Path, frames: list[bytes]) -> None:
    with file.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, data in enumerate(frames):
            out.write(struct.pack("<IIII", number, 0, len(data), len(data)) + data)


def read_capture(file: Path) -> list[bytes]:
    data, frames = file.read_bytes(), []
    at = 24
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at + 8)
        frames.append(data[at + 16 : at + 16 + size])
        at += 16 + size
    return frames


def same(record: Record) -> Record:
    """Return what must be the same of a decision, wherever the packet came from."""
    return {k: v for k, v in record.items() if k not in ("packet", "time", "hook", "in", "out")}


class Wire:
    """The client's and the server's end of it."""

    def __init__(self, lab: Lab) -> None:
        for family in CLIENT:
            # The server sees all, at its link, and answers nothing.
            lab.iptables("server", "-A", "INPUT", "-j", "DROP", family=family)
        with lab.inside("client"):
            self.client = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.client.bind(("eth0", 0))
        with lab.inside("server"):
            self.server = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, ETH_P_ALL << 8)
            self.server.bind(("eth0", ETH_P_ALL))

    def close(self) -> None:
        self.client.close()
        self.server.close()

    def arrived(self, count: int) -> list[bytes]:
        """Return so many packets that arrived, and any that came besides."""
        found: list[bytes] = []
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                found.append(unpadded(self.server.recv(65536, socket.MSG_DONTWAIT)))
            except BlockingIOError:
                if len(found) >= count:
                    break
                time.sleep(0.001)
        return found


def replayed(rules: Path, folder: Path, frames: list[bytes]) -> tuple[list[Record], list[bytes]]:
    """Return the decisions and the packets that are left."""
    before, after = folder / "in.pcap", folder / "out.pcap"
    write_capture(before, frames)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        code = cli.main(["replay", "--rules", str(rules), "--json", str(before), "-w", str(after)])
    assert code == 0
    records = [json.loads(line) for line in printed.getvalue().splitlines()]
    return records, [unpadded(data) for data in read_capture(after)]


def test_replay_and_the_live_queue_are_the_same(lab: Lab, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(POLICY)
    for family in CLIENT:
        lab.iptables("gateway", "-A", "FORWARD", "-j", "QUEUE", family=family)
    wire = Wire(lab)
    daemon = Daemon(lab, rules, "--transport", "nfqueue").wait_ready()
    seen: Counter[str] = Counter()

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @example([(b"\x60\0\0\0\0\0\x11\x40" + packed(CLIENT[6]) + packed(SERVER[6]), b"pad")])
    @given(st.lists(st.tuples(packets(), st.binary(max_size=6)), min_size=10, max_size=40))
    def compare(generated: list[tuple[bytes, bytes]]) -> None:
        before = len(daemon.records)
        for packet, padding in generated:
            wire.client.send(frame(on_the_wire(packet), padding))
        assert daemon.wait_for_decisions(before + len(generated))
        live = daemon.records[before:]
        frames = [frame(packet, padding) for packet, padding in generated]
        decided, left = replayed(rules, tmp_path, frames)
        assert list(map(same, live)) == list(map(same, decided))
        assert wire.arrived(len(left)) == left
        seen.update(record["rule"] or record["reason"] for record in live)

    try:
        compare()
    finally:
        wire.close()
        code = daemon.end()
    assert code == 0
    assert daemon.summary().lost == "nothing"
    # The generator reaches all of the policy.
    named = {"odd", "strangers", "grow", "window", "pong", "long", "default", "malformed"}
    assert seen.keys() >= named
