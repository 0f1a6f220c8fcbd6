# SPDX-License-Identifier: GPL-2.0
"""Numbered datagrams that go on while something happens."""

import threading
import time

from tests.netns.datagrams import Datagrams

PORT = 1001
WINDOW = 300
"""Datagrams that may be on their way: they fit into any socket."""


class Flow:
    """Sends numbered datagrams on a thread of its own until the end of the ``with`` block."""

    def __init__(self, datagrams: Datagrams, pause: float = 0) -> None:
        """``datagrams``: with one port, `PORT`; ``pause``: seconds between two of them."""
        self._datagrams = datagrams
        self._pause = pause
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.sent = 0

    def __enter__(self) -> "Flow":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._datagrams.send(PORT, self.sent.to_bytes(4))
            self.sent += 1
            if self._pause:
                time.sleep(self._pause)
            while self.sent - self._datagrams.count > WINDOW and not self._ended.is_set():
                self._datagrams.read(0.01)


def numbers(count: int) -> list[bytes]:
    """Return what the first of them carry."""
    return [number.to_bytes(4) for number in range(count)]
