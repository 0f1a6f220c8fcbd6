# SPDX-License-Identifier: GPL-2.0
"""ip_queue's codecs against the module's own header: a C compiler says what is where."""

import subprocess
from pathlib import Path

import pytest

from qverdictd.wire import ipqueue, ipqueue_batch, ipqueue_classic, ipqueue_control, ipqueue_tap
from qverdictd.wire.netlink import NLMSGHDR

TREE = Path(__file__).parents[2]
HEADERS = TREE / "kmod-ipqueue/include/uapi"
PROGRAM = Path(__file__).with_name("ipqueue_layout.c")


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what the header says, by name."""
    program = tmp_path_factory.mktemp("layout") / "layout"
    command = ["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-isystem", str(HEADERS)]
    subprocess.run([*command, str(PROGRAM), "-o", str(program)], check=True)
    lines = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    return {name: value for _kind, name, value in map(str.split, lines.splitlines())}


CONSTANTS = {
    "IPQ_SETTINGS_SIZE_V1": ipqueue_control.SETTINGS_SIZE,
    "IPQ_STATS_SIZE_V1": ipqueue_control.STATISTICS_SIZE,
    **{
        name: getattr(ipqueue, ours)
        for name, ours in {
            "IPQ_VERSION": "VERSION",
            "IPQ_MIN_DATAGRAM": "MIN_DATAGRAM",
            "IPQ_MAX_DATAGRAM": "MAX_DATAGRAM",
            "IPQ_MAX_HOLD_US": "MAX_HOLD",
            "IPQ_MAX_VERDICTS": "MAX_VERDICTS",
        }.items()
    },
    **{name: value for name, value in vars(ipqueue).items() if name[:5] in ("IPQM_", "NETLI")},
    **{f"IPQ_{name}": value for name, value in vars(ipqueue).items() if name[:8] == "FEATURE_"},
    **{f"IPQ_{n}": v for n, v in vars(ipqueue_batch).items() if n[:7] == "PACKET_"},
    **{
        f"IPQ_{name}": getattr(ipqueue_classic, name)
        for name in ("COPY_NONE", "COPY_META", "COPY_PACKET")
    },
    **{f"IPQ_{n}": v for n, v in vars(ipqueue_control).items() if n[:4] == "SET_"},
    "IPQ_SO_SETTINGS": ipqueue_control.SO_SETTINGS,
    "IPQ_SO_STATS": ipqueue_control.SO_STATS,
    "IPQ_MAXLEN_MAX": ipqueue_control.MAXLEN_MAX,
    "IPQ_MAX_TIME_MS": ipqueue_control.MAX_TIME,
    "IPQ_GROUP_TAP": ipqueue_tap.GROUP_TAP,
    **{f"IPQ_{n}": v for n, v in vars(ipqueue_tap).items() if n[:4] == "TAP_"},
    **{f"IPQ_REASON_{reason.name}": reason.value for reason in ipqueue_tap.TapReason},
}


def test_every_constant_is_the_headers(said: dict[str, str]) -> None:
    numbers = {name: int(value) for name, value in said.items() if name.isupper()}
    assert numbers == CONSTANTS


def body(message: bytes) -> bytes:
    size, *_ = NLMSGHDR.unpack_from(message)
    return message[NLMSGHDR.size : size]


STATISTICS = ipqueue_control.Statistics._make(range(1, 26))
RECORD = ipqueue_tap.TapRecord._make(
    [*range(1, 8), b"source address\0\0", b"destination addr", *range(8, 18)]
)
STRUCTURES = {
    "packet": body(
        ipqueue_classic.encode_packet(
            ipqueue_classic.ClassicPacket(
                1, 5, b"", 2, 3_000_004, b"eth6", b"eth7", 8, 9, b"abcdefgh"
            )
        )
    ),
    "mode": body(ipqueue_classic.encode_mode(ipqueue_classic.Mode(2, 1500))),
    "verdict": body(ipqueue_classic.encode_verdict(ipqueue_classic.ClassicVerdict(2, 1))),
    "hello": body(ipqueue.encode_hello(ipqueue.Hello(1, 2, 3, 4, 5), seq=0)),
    "packets": body(
        ipqueue_batch.encode_packets(
            [ipqueue_batch.BatchPacket._make([3, b"", 1, 2, *range(4, 15), b"hgfedcb\0"])],
            backlog=2,
            overflowed=3,
        )
    ),
    "verdicts": body(ipqueue_batch.encode_verdicts([ipqueue_batch.encode_item(1, 2, 3, 4)], seq=0)),
    "range": body(ipqueue_batch.encode_range(ipqueue_batch.Range(1, 2, 3, 4, 5), seq=0)),
    "missing": body(ipqueue_batch.encode_missing(ipqueue_batch.Missing(2, (3,)), seq=0)),
    "settings": ipqueue_control.encode_settings(ipqueue_control.Settings(*range(1, 7))),
    "stats": ipqueue_control.encode_statistics(STATISTICS),
    "tap": body(ipqueue_tap.encode_tap(1, [RECORD])),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_member_is_where_the_header_has_it(said: dict[str, str], name: str) -> None:
    assert STRUCTURES[name].hex() == said[name]


def test_no_structure_is_left_out(said: dict[str, str]) -> None:
    assert STRUCTURES.keys() == {name for name in said if name.islower()}
