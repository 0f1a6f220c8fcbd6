# SPDX-License-Identifier: GPL-2.0
"""Run the scenarios one after the other, and say how each went as the harness reads it."""

import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.netns import enter
from tests.netns.demo_live import wire
from tests.netns.lab import Lab

from . import package, poison, takeover, verdicts, without
from .system import journal, run

_WANTED = Path("/opt/qverdictd/wanted")
_STEPS: dict[str, Callable[[Lab], None]] = {
    "boot": package.boot,
    "verdicts": verdicts.verdicts,
    "reload": verdicts.reload,
    "kill": takeover.kill,
    "restart": takeover.restart,
    "poison": poison.poison,
    "purge": package.purge,
    "without": without.without,
}


def _mark(text: str) -> None:
    """Write into the kernel's log, so that what it reports falls into a scenario."""
    Path("/dev/kmsg").write_text(f"<5>ipqueue-test: {text}\n", encoding="ascii")


def _step(name: str, step: Callable[[], None]) -> bool:
    """Run one; return whether it passed."""
    _mark(f"start {name}")
    print(f"@start {name}")
    began = time.monotonic()
    try:
        step()
    except Exception:
        print(traceback.format_exc())
        print(run("systemctl", "status", "--no-pager", "--lines=0", "qverdictd").stdout)
        print(journal())
        print(f"@fail {name} {time.monotonic() - began:.2f} see the journal above")
        return False
    print(f"@ok {name} {time.monotonic() - began:.2f}")
    return True


def main() -> int:
    """Run them until one fails: those after it would build on what it left."""
    enter.MARKER.touch()  # this machine is the tests' own
    lab = Lab(gateway=1)
    with lab:
        wire(lab)
        wanted = _WANTED.read_text(encoding="ascii").split()
        passed = all(_step(name, partial(_STEPS[name], lab)) for name in wanted)
    if passed:
        _step("teardown", package.unload)
    _mark("end")
    print("@end")
    time.sleep(1)  # until both lines have left the emulated chip
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
