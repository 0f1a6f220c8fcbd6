# SPDX-License-Identifier: GPL-2.0
"""The drainer keeps no policy longer than decisions of it may come."""

import os
import threading
import time
import weakref
from contextlib import closing
from typing import Any

from qverdictd.engine.native import Compiled
from qverdictd.worker.drainer import Drainer
from tests.engine.policies import policy

PATIENCE = 10.0


class Quiet:
    """A worker that never has a decision to tell."""

    def __init__(self) -> None:
        self._event = os.eventfd(0)
        self.asleep = threading.Event()

    def fileno(self) -> int:
        return self._event

    def drain(self, most: int) -> list[object]:
        return []

    def sleep(self) -> bool:
        self.asleep.set()
        return True

    def wake(self) -> None:
        pass

    def close(self) -> None:
        os.close(self._event)


def test_a_policy_is_let_go_though_nothing_is_told() -> None:
    with closing(Quiet()) as worker:
        first, second = Compiled(policy("")), Compiled(policy(""))
        gone = weakref.ref(first)
        workers: Any = [worker]
        with closing(Drainer(workers, first, lambda *_: None)) as drainer:
            assert worker.asleep.wait(PATIENCE)
            drainer.expect(2, second)
            del first
            assert gone() is not None
            drainer.settle(2)
            deadline = time.monotonic() + PATIENCE
            while gone() is not None:
                assert time.monotonic() < deadline
                time.sleep(0.001)
