# SPDX-License-Identifier: GPL-2.0
"""Which processors the workers run on."""

import contextlib
import os
from collections.abc import Sequence

from qverdictd.errors import SetupError

#: ``auto``, ``none``, or processors: see `places`.
Cpus = str | Sequence[int]


def places(wanted: Cpus, workers: int) -> list[tuple[int, ...]]:
    """Return the processor of each worker; none: wherever the kernel puts it.

    ``wanted``: a list gives them out in turn. ``auto`` is as a list of all that we may use if
    there is more than one worker, so that they do not crowd on one; a single one is left to the
    kernel, which then can keep out of its way. ``none`` leaves all to the kernel. Raises
    `SetupError` if we may not use one.
    """
    ours = sorted(os.sched_getaffinity(0))
    if wanted == "none" or (wanted == "auto" and workers == 1):
        return [()] * workers
    numbers = ours if isinstance(wanted, str) else wanted
    if missing := sorted(set(numbers) - set(ours)):
        raise SetupError(f"cpus: we may not run on {missing[0]}, only on {_listed(ours)}")
    return [(numbers[worker % len(numbers)],) for worker in range(workers)]


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def pin(numbers: Sequence[int]) -> None:
    """Let the calling thread run on these processors only; none given: leave it as it is."""
    if numbers:
        # Our unit's sandbox forbids it, and has CPUAffinity= in its place.
        with contextlib.suppress(PermissionError):
            os.sched_setaffinity(0, numbers)
