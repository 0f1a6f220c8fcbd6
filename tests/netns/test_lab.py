# SPDX-License-Identifier: GPL-2.0
"""The laboratory itself: both families cross the gateway, and nobody speaks unasked."""

import signal
import socket
import subprocess
import time

import pytest

from tests.netns.lab import CLIENT, SERVER, Family, Lab

FAMILIES: list[tuple[Family, socket.AddressFamily]] = [(4, socket.AF_INET), (6, socket.AF_INET6)]


@pytest.mark.parametrize(("family", "domain"), FAMILIES)
def test_a_datagram_crosses_the_gateway(
    lab: Lab, family: Family, domain: socket.AddressFamily
) -> None:
    lab.iptables("gateway", "-A", "FORWARD", "-p", "udp", "-j", "ACCEPT", family=family)
    with lab.inside("server"):
        server = socket.socket(domain, socket.SOCK_DGRAM)
    with lab.inside("client"):
        client = socket.socket(domain, socket.SOCK_DGRAM)
    with server, client:
        server.settimeout(5)
        server.bind((SERVER[family], 9999))
        client.bind((CLIENT[family], 4000))
        client.sendto(b"hello", (SERVER[family], 9999))
        data, sender = server.recvfrom(100)
    assert data == b"hello"
    assert sender[:2] == (CLIENT[family], 4000)
    (rule,) = lab.rules("gateway", "FORWARD", family=family)
    overhead = {4: 20, 6: 40}[family] + 8
    assert (rule.packets, rule.bytes, rule.text) == (1, 5 + overhead, "-p udp -j ACCEPT")


def test_nobody_speaks_unasked(lab: Lab) -> None:
    for family, _ in FAMILIES:
        for chain in ("INPUT", "FORWARD", "OUTPUT"):
            lab.iptables("gateway", "-A", chain, "-j", "ACCEPT", family=family)
    time.sleep(1.5)
    for family, _ in FAMILIES:
        for chain in ("INPUT", "FORWARD", "OUTPUT"):
            assert lab.rules("gateway", chain, family=family)[0].packets == 0, (family, chain)


def test_offloads_can_be_switched(lab: Lab) -> None:
    for on in (False, True):
        lab.offload("client", "eth0", on)
        features = lab.run("client", ["ethtool", "-k", "eth0"]).stdout
        assert f"tcp-segmentation-offload: {'on' if on else 'off'}" in features
        assert f"tx-checksumming: {'on' if on else 'off'}" in features


def test_a_failure_is_raised_with_what_the_command_wrote(lab: Lab) -> None:
    with pytest.raises(RuntimeError, match=r"exit code 3\nsaid\n"):
        lab.run("client", ["sh", "-c", "echo said; exit 3"])
    assert lab.run("client", ["false"], check=False).returncode == 1


def test_what_was_started_ends_with_the_laboratory() -> None:
    with Lab() as lab:
        process = lab.start("server", ["sleep", "600"], stdout=subprocess.PIPE)
        assert process.poll() is None
        names = [lab.path(host) for host in ("client", "gateway", "server")]
        assert all(name.exists() for name in names)
    assert process.returncode == -signal.SIGTERM
    assert not any(name.exists() for name in names)
