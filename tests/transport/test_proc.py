# SPDX-License-Identifier: GPL-2.0
"""What /proc says, read from files as the kernel writes them and from this very process."""

import os
import socket
from pathlib import Path

from qverdictd.transport import proc
from qverdictd.transport.interfaces import InterfaceNames
from qverdictd.transport.proc import QueueState, QueueTable

NETLINK_NETFILTER = 12

TABLE = """\
    0   4711    17 2 65531     5     6     1042  1
   12 3456789012     0 2   100     0     0        0  1
"""
"""Two lines as ``seq_show`` of net/netfilter/nfnetlink_queue.c prints them."""


def test_the_table_of_queues(tmp_path: Path) -> None:
    path = tmp_path / "nfnetlink_queue"
    path.write_text(TABLE)
    table = QueueTable(os.open(path, os.O_RDONLY))
    assert table.readable
    assert table.state(0) == QueueState(0, 4711, 17, 5, 6, 1042)
    assert table.state(12) == QueueState(12, 3456789012, 0, 0, 0, 0)
    assert table.state(1) is None
    path.write_text(TABLE.replace("1042", "1043"))
    state = table.state(0)
    assert state is not None
    assert state.last_id == 1043
    table.close()
    assert table.state(0) is None


def test_no_table_is_an_empty_one() -> None:
    table = QueueTable(None)
    assert not table.readable
    assert table.state(0) is None
    table.close()


def test_the_process_behind_a_port_id() -> None:
    name = Path("/proc/self/comm").read_text().rstrip("\n")
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as held:
        held.bind((0, 0))
        portid = held.getsockname()[0]
        text = proc.describe_holder(portid)
        assert text == f"portid {portid}, process {os.getpid()} {name!r}"
    assert proc.describe_holder(portid) == f"portid {portid}"


def test_our_rights_are_those_that_the_kernel_gives() -> None:
    effective = next(
        line.split()[1]
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("CapEff:")
    )
    assert proc.has_net_admin() == (f"{int(effective, 16):064b}"[-13] == "1")


def test_names_of_interfaces() -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as asked:
        names = InterfaceNames(asked.fileno())
        for index, name in socket.if_nameindex():
            assert names[index] == name
        assert names[0] is None
        assert names[0x7FFF_FFFF] is None
        assert names[0xFFFF_FFFF] is None
        names.forget()
        assert set(names) == {0}
