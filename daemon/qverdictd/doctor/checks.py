# SPDX-License-Identifier: GPL-2.0
"""The findings, each from the facts alone."""

from collections.abc import Iterator

from qverdictd.control.config import Config, queue_numbers
from qverdictd.doctor.facts import Facts
from qverdictd.doctor.finding import Finding, Severity
from qverdictd.doctor.ruleset import QueueRule
from qverdictd.transport.grant import receive_buffer
from qverdictd.transport.proc import Process

_OFFLOADED = ("prerouting", "forward", "postrouting")
"""The hooks that an offloaded connection's packets do not pass."""


def findings(facts: Facts, config: Config) -> list[Finding]:
    """Return all that is wrong, the worst first."""
    if not facts.net_admin:
        return [
            Finding(
                "no-rights",
                Severity.ERROR,
                "neither rules nor queues can be seen without CAP_NET_ADMIN",
                "run qverdictd doctor as root",
            )
        ]
    found = [
        *_kernel(facts, config),
        *_leading_here(facts, config),
        *_holding(facts, config),
        *_ports(facts, config),
        *_offload(facts, config),
        *_dropping(facts, config),
        *_buffers(facts, config),
        *_unread(facts),
    ]
    return sorted(found, key=lambda finding: list(Severity).index(finding.severity))


def _ours(facts: Facts, config: Config) -> list[QueueRule]:
    """Return the rules that lead to a queue of ours."""
    numbers = queue_numbers(config.queues)
    return [r for r in facts.ruleset.rules if r.first <= numbers[-1] and numbers[0] <= r.last]


_SERVICE_MANAGER = 1
"""Its pid; it has the socket beside a daemon that runs, and alone while none does."""


def is_ours(process: Process) -> bool:
    """Say whether a process is a daemon of ours, started by whichever name of the program."""
    words = [word.rsplit("/", 1)[-1] for word in process.command]
    return "run" in words and any(word.startswith("qverdictd") for word in words)


def _kernel(facts: Facts, config: Config) -> Iterator[Finding]:
    if facts.nfqueue and facts.ipqueue:
        yield Finding(
            "handlers-compete",
            Severity.ERROR,
            "ip_queue and nfnetlink_queue are both there, but the kernel has one handler for all "
            "queues: the one that came second gets no packet",
            "unload one: modprobe -r ipqueue, or modprobe -r nfnetlink_queue",
        )
    elif config.transport == "ipqueue" and not facts.ipqueue:
        why = ", and nfnetlink_queue, which is there, keeps it out" if facts.nfqueue else ""
        yield Finding(
            "no-ipqueue",
            Severity.ERROR,
            f"transport: ipqueue needs the module ip_queue, which is not loaded{why}",
            "modprobe -r nfnetlink_queue; modprobe ipqueue; or set transport: nfqueue",
        )
    elif not facts.nfqueue and not facts.ipqueue:
        yield Finding(
            "no-queue",
            Severity.ERROR,
            "this kernel has no queue that we could read",
            "modprobe nfnetlink_queue, or run a kernel with CONFIG_NETFILTER_NETLINK_QUEUE",
        )


def _leading_here(facts: Facts, config: Config) -> Iterator[Finding]:
    rules = _ours(facts, config)
    numbers = queue_numbers(config.queues)
    for text in facts.ruleset.queue_chains:
        yield Finding(
            "queue-is-a-chain",
            Severity.ERROR,
            f"{text}: iptables-nft takes QUEUE for the name of a chain, and queues nothing",
            "write -j NFQUEUE --queue-num 0, or use iptables-legacy, or qverdictd attach",
        )
    if not rules:
        text = f"no rule sends packets to queue {config.queues}"
        if facts.ruleset.unreachable:
            text += f"; one is there, but nothing leads to it: {facts.ruleset.unreachable[0]}"
        elif facts.ruleset.rules:
            text += f"; but one to queue {facts.ruleset.rules[0].first}: {facts.ruleset.rules[0]}"
        cure = "qverdictd attach (first with --dry-run)"
        if facts.iptables == "nft":
            cure += "; by hand note that iptables here is iptables-nft, which has no -j QUEUE"
        yield Finding("no-rule", Severity.ERROR, text, cure)
    for rule in rules:
        beyond = [q for q in (rule.first, rule.last) if q not in numbers]
        if beyond:
            yield Finding(
                "queues-differ",
                Severity.ERROR,
                f"{rule}: sends packets to queues that we do not serve, such as {beyond[0]}",
                f"have it send to {config.queues} (qverdictd attach does), or set queues: "
                f"{rule.first}-{rule.last}",
            )
        elif (rule.first, rule.last) != (numbers[0], numbers[-1]) and _uncovered(rules, numbers):
            yield Finding(
                "queues-idle",
                Severity.WARNING,
                f"{rule}: no rule sends packets to queue {_uncovered(rules, numbers)[0]}",
                "qverdictd attach ties the rules to all queues that are served",
            )
        if rule.bypass != (config.overflow == "accept"):
            what = "accepts unseen" if rule.bypass else "drops"
            yield Finding(
                "bypass-differs",
                Severity.WARNING,
                f"{rule}: the kernel {what} packets while nobody holds the queue, but "
                f"overflow: {config.overflow} says otherwise",
                "qverdictd attach makes the rules as overflow has it",
            )


def _uncovered(rules: list[QueueRule], numbers: tuple[int, ...]) -> list[int]:
    return [n for n in numbers if not any(rule.first <= n <= rule.last for rule in rules)]


def _holding(facts: Facts, config: Config) -> Iterator[Finding]:
    rules = _ours(facts, config)
    if facts.ipqueue and not facts.after:
        return  # its queues are not in the table of the other handler
    for number in queue_numbers(config.queues):
        state = facts.after.get(number)
        if state is None:
            if rules and facts.nfqueue:
                fate = "accepted unseen" if all(rule.bypass for rule in rules) else "dropped"
                yield Finding(
                    "not-held",
                    Severity.ERROR,
                    f"nobody holds queue {number}: packets sent there are {fate}",
                    "start the daemon (systemctl start qverdictd), or qverdictd detach",
                )
            continue
        processes = facts.holders.get(state.portid, [])
        if any(map(is_ours, processes)):
            continue
        if any(process.pid == _SERVICE_MANAGER for process in processes):
            yield Finding(
                "kept",
                Severity.ERROR,
                f"nobody judges queue {number}, which the service manager keeps: "
                f"{state.waiting} packets wait in it",
                "systemctl start qverdictd (journalctl -u qverdictd says why it ended); or let the "
                "queue go: systemctl stop qverdictd.socket qverdictd",
            )
        elif processes:
            names = ", ".join(f"{process.name!r} (pid {process.pid})" for process in processes)
            yield Finding(
                "held",
                Severity.ERROR,
                f"queue {number} is held by another process: {names}",
                f"stop it, or give us another queue (queues: {number + 1})",
            )
        else:
            yield Finding(
                "holder-unknown",
                Severity.NOTE,
                f"queue {number} is held by portid {state.portid}, in no process seen from here",
                "",
            )


def _ports(facts: Facts, config: Config) -> Iterator[Finding]:
    for rule in _ours(facts, config):
        missing = facts.ruleset.families(rule) - facts.ruleset.tracked
        if rule.ports and missing:
            yield Finding(
                "fragments",
                Severity.WARNING,
                f"{rule}: looks at ports, which only the first fragment of a packet has, and "
                "nothing puts fragments together: the others go past the queue",
                "qverdictd attach --defragment, or a rule that tracks connections "
                "(-m conntrack, ct state)",
            )


def _offload(facts: Facts, config: Config) -> Iterator[Finding]:
    rules = [rule for rule in _ours(facts, config) if rule.hook in _OFFLOADED]
    for text in facts.ruleset.offloads if rules else ():
        yield Finding(
            "offload",
            Severity.ERROR,
            f"{text}: connections in a flowtable pass no hook any more, and so no queue: only "
            "their first packets are judged",
            "take the flow statement away, or have it except what is to be judged",
        )


def _dropping(facts: Facts, config: Config) -> Iterator[Finding]:
    cures = {
        "queue_dropped": "raise queue_length, serve more queues (queues: 0-3), or shorten the "
        "policy",
        "user_dropped": "raise net.core.rmem_max or run with CAP_NET_ADMIN outside of a user "
        "namespace; lower copy_range, or serve more queues",
    }
    full = {"queue_dropped": "the queue was full", "user_dropped": "our socket's buffer was full"}
    for number in queue_numbers(config.queues):
        before, after = facts.before.get(number), facts.after.get(number)
        if before is None or after is None or before.portid != after.portid:
            continue
        for name, why in full.items():
            count = getattr(after, name)
            risen = count - getattr(before, name)
            if risen:
                yield Finding(
                    "dropping",
                    Severity.ERROR,
                    f"queue {number}: the kernel dropped {risen} packets within "
                    f"{facts.interval:g} s, as {why}; {count} since the queue is held",
                    cures[name],
                )
            elif count:
                yield Finding(
                    "dropped",
                    Severity.NOTE,
                    f"queue {number}: the kernel dropped {count} packets since the queue is held, "
                    f"as {why}; none within the last {facts.interval:g} s",
                    "",
                )


def _buffers(facts: Facts, config: Config) -> Iterator[Finding]:
    needed = receive_buffer(config.queue_length, fail_open=config.overflow == "accept")
    for number in queue_numbers(config.queues):
        state = facts.after.get(number)
        socket = None if state is None else facts.sockets.get(state.portid)
        if state is None or socket is None or socket.receive_buffer >= needed:
            continue
        if any(map(is_ours, facts.holders.get(state.portid, []))):
            yield Finding(
                "receive-buffer",
                Severity.WARNING,
                f"queue {number}: its socket holds {socket.receive_buffer >> 10} KiB, too little "
                f"for queue_length: {config.queue_length} packets ({needed >> 10} KiB)",
                f"sysctl net.core.rmem_max={needed // 2} and restart the daemon, run it with "
                "CAP_NET_ADMIN outside of a user namespace, or lower queue_length",
            )


def _unread(facts: Facts) -> Iterator[Finding]:
    for text in facts.ruleset.unread:
        yield Finding("unread", Severity.NOTE, f"not looked at: {text}", "")
