# SPDX-License-Identifier: GPL-2.0
"""The emulated machine: boots one image and leaves two logs."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from harness import packages
from harness.kernel import Kernel

# Emulated processors are slow and share two real ones with others: the kernel's watchdogs get the
# time that a stall of the host may take, and an oops ends the run at once.
_APPEND = (
    "console=ttyS0 loglevel=8 panic=-1 oops=panic rcupdate.rcu_cpu_stall_timeout=120 "
    "watchdog_thresh=60 hung_task_panic=0 random.trust_cpu=on mitigations=off "
    "no_timer_check net.ifnames=0"
)
_FAST = ("-accel", "tcg,thread=multi", "-smp", "2")
# With a disk it boots a whole system, which patches the kernel's code at any time (namespaces,
# control groups): one processor, as guest/hooks.nft says why.
_SYSTEM = ("-accel", "tcg,thread=single", "-smp", "1")
_COUNTED = ("-accel", "tcg,thread=single", "-smp", "1", "-icount", "shift=0,sleep=off")


class Machine:
    """One QEMU process, its kernel log and its guest's log."""

    def __init__(
        self,
        kernel: Kernel,
        image: Path,
        log: Path,
        guest_log: Path,
        *,
        counted: bool = False,
        disk: Path | None = None,
    ) -> None:
        """Start it; `log` gets ttyS0, `guest_log` ttyS1.

        A `counted` machine has one processor, whose clock counts instructions as nanoseconds.
        What is written to `disk`, an image that it has as /dev/vda, is forgotten with the machine.
        """
        processors, drive, append = (_COUNTED if counted else _FAST), [], _APPEND
        if disk is not None:
            processors = _SYSTEM
            drive = ["-drive", f"file={disk},format=raw,if=virtio,snapshot=on"]
            append += " systemd.show_status=no"  # the kernel's log is the kernel's
        for file in (log, guest_log):
            file.write_bytes(b"")
        self.log = log
        self.guest_log = guest_log
        self._process = subprocess.Popen(
            [
                # Whatever ends this program ends the machine.
                *("setpriv", "--pdeathsig", "KILL"),
                packages.program("qemu-system-x86_64"),
                "-nodefaults",
                "-no-user-config",
                "-no-reboot",
                "-display",
                "none",
                "-machine",
                "q35",
                "-cpu",
                "max",
                *processors,
                *drive,
                "-m",
                "2048" if kernel.is_debug else "768",
                "-kernel",
                str(kernel.vmlinuz),
                "-initrd",
                str(image),
                "-append",
                append,
                "-serial",
                f"file:{log}",
                "-serial",
                f"file:{guest_log}",
            ],
            stdin=subprocess.DEVNULL,
        )

    def wait(self, limit: float, each: Callable[[str], None]) -> bool:
        """Hand every line of the guest's log to `each` until the machine is off.

        False when it was still on after `limit` seconds; then it is ended.
        """
        until = time.monotonic() + limit
        with self.guest_log.open(encoding="utf-8", errors="replace") as lines:
            rest = ""
            while True:
                off = self._process.poll() is not None
                *whole, rest = (rest + lines.read()).split("\n")
                for line in whole:
                    each(line.rstrip("\r"))
                if off:
                    return True
                if time.monotonic() > until:
                    return False
                time.sleep(0.1)

    def end(self) -> None:
        """Switch it off if it is on."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
