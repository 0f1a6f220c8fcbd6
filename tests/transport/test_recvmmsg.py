# SPDX-License-Identifier: GPL-2.0
"""Reading many datagrams at once, from a real netlink socket between two of ours."""

import socket
from collections.abc import Iterator

import pytest

from qverdictd.transport.recvmmsg import Receiver

NETLINK_USERSOCK = 2  # linux/netlink.h: messages between processes


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    with (
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_USERSOCK) as near,
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_USERSOCK) as far,
    ):
        near.bind((0, 0))
        far.bind((0, 0))
        yield near, far


def test_each_datagram_with_its_sender_in_order(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    near, far = ends
    receiver = Receiver(near.fileno(), count=4, room=64, slack=20)
    assert receiver.receive() == []
    sent = [bytes([number]) * number for number in range(1, 11)]
    for data in sent:
        far.sendto(data, near.getsockname())
    portid = far.getsockname()[0]
    got: list[bytes] = []
    sizes = []
    while places := receiver.receive():
        sizes.append(len(places))
        assert [start % 4 for start, _end, _sender in places] == [0] * len(places)
        assert {sender for _start, _end, sender in places} == {portid}
        got += [receiver.buffer[start:end] for start, end, _sender in places]
    assert got == sent
    assert sizes == [4, 4, 2]


def test_a_datagram_larger_than_its_room_is_cut(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    near, far = ends
    receiver = Receiver(near.fileno(), count=2, room=8, slack=20)
    far.sendto(b"0123456789", near.getsockname())
    far.sendto(b"abc", near.getsockname())
    places = receiver.receive()
    assert [receiver.buffer[start:end] for start, end, _sender in places] == [b"01234567", b"abc"]


def test_a_closed_descriptor_is_an_error(ends: tuple[socket.socket, socket.socket]) -> None:
    near, _far = ends
    receiver = Receiver(near.fileno(), count=1, room=8, slack=0)
    near.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        receiver.receive()
