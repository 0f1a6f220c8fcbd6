# SPDX-License-Identifier: GPL-2.0
"""A run that should fail does: what the judge makes of logs."""

import pytest

from harness.judge import Run, reports

# As real kernels print them.
_BAD = [
    "WARNING: CPU: 1 PID: 77 at net/netfilter/core.c:88 nf_hook_entry+0x1/0x2",
    "BUG: KASAN: slab-use-after-free in ipq_verdict+0x12/0x80 [ipqueue]",
    "BUG: kernel NULL pointer dereference, address: 0000000000000008",
    "Oops: 0000 [#1] PREEMPT SMP KASAN",
    "WARNING: possible circular locking dependency detected",
    "WARNING: suspicious RCU usage",
    "BUG: sleeping function called from invalid context at mm/slab.h:1",
    "BUG: scheduling while atomic: scenarios/99/0x00000002",
    "refcount_t: underflow; use-after-free.",
    "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
    "unregister_netdevice: waiting for lo to become free. Usage count = 2",
    "rcu: INFO: rcu_preempt self-detected stall on CPU",
    "watchdog: BUG: soft lockup - CPU#0 stuck for 52s! [scenarios:99]",
    "INFO: task rmmod:99 blocked for more than 120 seconds.",
    "BUG ipq_entry (Tainted: G): Objects remaining in ipq_entry on __kmem_cache_shutdown()",
    "Kernel panic - not syncing: Fatal exception in interrupt",
    "UBSAN: array-index-out-of-bounds in message.c:12:3",
    " Call Trace:",
    "scenarios[99]: segfault at 0 ip 0000000000401000 sp 00007ffe error 4",
]
_GOOD = [
    "ipqueue: loading out-of-tree module taints kernel.",
    "ipqueue: module verification failed: signature and/or required key missing",
    "ipqueue: another queue handler is loaded (nfnetlink_queue?)",
    "ipqueue: self-test: all 7 passed",
    "IPv6: ADDRCONF(NETDEV_CHANGE): h0: link becomes ready",
    "hrtimer: interrupt took 17506668 ns",
    "br0: port 1(p0) entered disabled state",
]


def _log(*lines: str) -> str:
    marked = ["ipqueue-test: begin", "ipqueue-test: start accept", *lines, "ipqueue-test: end"]
    return "".join(f"[    1.000000] {line}\n" for line in marked)


@pytest.mark.parametrize("line", _BAD)
def test_a_report_of_the_kernel_fails_the_scenario_it_fell_in(line: str) -> None:
    (failure,) = reports(_log(line))
    assert failure.name == "accept/kernel-log"
    assert line.strip() in failure.why


@pytest.mark.parametrize("line", _GOOD)
def test_a_healthy_line_does_not(line: str) -> None:
    assert reports(_log(line)) == []


def test_what_came_before_the_begin_mark_is_the_boots() -> None:
    assert reports("WARNING: x86/mm: something old\n" + _log()) == []


@pytest.mark.parametrize("mark", ["begin", "end"])
def test_a_missing_mark_fails_the_run(mark: str) -> None:
    (failure,) = reports(_log().replace(f"ipqueue-test: {mark}", "cut off"))
    assert failure.name == "kernel-log"
    assert f"no {mark} mark" in failure.why


def test_each_scenario_owes_a_result() -> None:
    run = Run(["accept", "verdict"])
    for line in ("@start accept", "  said", "@ok accept 1.25", "@start verdict"):
        run.line(line)
    assert run.results["accept"].seconds == 1.25
    assert run.transcript == {"accept": ["  said"]}
    assert [result.name for result in run.missing()] == ["verdict", "teardown"]
    assert all(result.why for result in run.missing())


def test_a_failed_scenario_says_why() -> None:
    result = Run(["accept"]).line("@fail accept 3.00 exit code 1")
    assert result is not None
    assert result.why == "exit code 1"
