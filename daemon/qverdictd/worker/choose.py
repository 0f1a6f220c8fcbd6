# SPDX-License-Identifier: GPL-2.0
"""Which workers serve which queues."""

from collections.abc import Sequence

from qverdictd.control.viewer import Viewer
from qverdictd.engine.base import Engine
from qverdictd.engine.native import NativeEngine
from qverdictd.transport.base import LinkedTransport, Transport
from qverdictd.worker.base import Workers
from qverdictd.worker.cpus import Cpus, places
from qverdictd.worker.native import NativeWorkers
from qverdictd.worker.python import PythonWorkers


def choose(
    engine: Engine, transports: Sequence[Transport], viewer: Viewer | None, cpus: Cpus = "auto"
) -> Workers:
    """Return native workers where engine and transports allow it, else Python's."""
    linked = [transport for transport in transports if isinstance(transport, LinkedTransport)]
    if isinstance(engine, NativeEngine) and len(linked) == len(transports):
        return NativeWorkers(engine, linked, viewer, places(cpus, len(linked)))
    show = viewer.show if viewer is not None else lambda _packets, _decisions: 0
    return PythonWorkers(engine, transports, show, places(cpus, 1)[0])
