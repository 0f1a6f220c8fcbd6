# SPDX-License-Identifier: GPL-2.0
"""What each command does, once its arguments are known."""

import json
import os
import selectors
import signal
import sys
import time
from argparse import Namespace
from contextlib import ExitStack
from pathlib import Path

from qverdictd.app import Daemon, check_policy, make_engine, open_transports
from qverdictd.control.config import Config, cpu_numbers, memory_size, queue_numbers, read_config
from qverdictd.control.counters import Counters
from qverdictd.control.journal import journal, say
from qverdictd.control.kmod import changed, state, table
from qverdictd.control.notify import Notifier
from qverdictd.control.report import summary
from qverdictd.control.store import from_environment
from qverdictd.control.tap import lost_record, tap_record, tap_text
from qverdictd.control.viewer import Viewer, formatter, log_entries, log_lines
from qverdictd.engine.compiled import compiled
from qverdictd.errors import CaptureError, Exit, PolicyError, Problem
from qverdictd.policy.explain import explain
from qverdictd.policy.load import load
from qverdictd.policy.schema import schema as policy_schema
from qverdictd.transport.ipqueue_control import ControlSocket, has_family
from qverdictd.transport.ipqueue_family import IPV4, IPV6, Family
from qverdictd.transport.ipqueue_tap import Tap
from qverdictd.transport.replay import ReplayTransport

#: Over ipqueue queue 0 is two queues, one for each family.
_IPQUEUES = 2


def run(given: Namespace) -> Exit:
    """Be the daemon until told to stop."""
    config = _config(given)
    rules = given.rules or Path(config.rules)
    policy = load(rules)
    numbers = queue_numbers(config.queues)
    lanes = max(len(numbers), _IPQUEUES)
    memory = memory_size(config.engine_memory)
    engine = make_engine(config.engine, policy, lanes=lanes, memory=memory)
    check_policy(policy, [], numbers)
    store = from_environment()
    transports = open_transports(config, store)
    store.close()
    try:
        check_policy(policy, transports, numbers)
    except BaseException:
        for transport in transports:
            transport.close()
        raise
    cpus = cpu_numbers(config.cpus)
    notifier = Notifier.from_environment()
    return Daemon(
        rules,
        engine,
        transports,
        numbers,
        _viewer(given),
        cpus,
        notifier,
        watch_sets=config.watch_sets,
    ).run()


def _config(given: Namespace) -> Config:
    """Return the configuration, with what the command line says instead."""
    config = read_config(given.config)
    changes = {
        "queues": given.queue,
        "transport": given.transport,
        "engine": given.engine,
        "cpus": given.cpus,
    }
    return config.model_copy(update={key: value for key, value in changes.items() if value})


def _viewer(given: Namespace) -> Viewer:
    """Return what shows decisions; without -v only what rules log is shown."""
    lines = None
    if given.verbose or given.json or given.dissect:
        lines = formatter(as_objects=given.json, dissected=given.dissect, colour=_colour())
    enter = journal()
    log = log_entries(enter) if enter else log_lines
    return Viewer(lines, sys.stdout, sys.stderr, log, dissected=given.dissect)


def _colour() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def check(given: Namespace) -> Exit:
    """Load policies and run their tests; all problems of all files at once."""
    problems: list[Problem] = []
    config = Config() if given.files else read_config(None)
    memory = memory_size(config.engine_memory)
    for file in given.files or [Path(config.rules)]:
        try:
            policy = load(file)
            compiled(policy, memory=memory)
        except PolicyError as error:
            problems += error.problems
            continue
        if given.explain:
            print(explain(policy), end="")
        elif not given.json:
            print(f"{file}: good: {len(policy.rules)} rules, {len(policy.tests)} tests passed")
    if problems:
        raise PolicyError(problems)
    return Exit.OK


def replay(given: Namespace) -> Exit:
    """Judge a capture's packets."""
    engine = make_engine(given.engine, load(given.rules))
    lines = formatter(as_objects=given.json, dissected=given.dissect, colour=_colour())
    counters = Counters()
    failure: CaptureError | None = None
    transport = ReplayTransport.open(given.capture, given.output)
    try:
        while packets := transport.receive():
            counters.received += len(packets)
            decisions = engine.judge(packets)
            transport.answer(list(zip(packets, decisions, strict=True)))
            counters.count(packets, decisions)
            now = time.time()
            for raw, decision in zip(packets, decisions, strict=True):
                for line in lines(raw, decision, now):
                    print(line)
                for line in log_lines(raw, decision, now):
                    print(line, file=sys.stderr)
    except CaptureError as error:
        failure = error
    finally:
        transport.close()
    _end_replay(transport, counters, as_objects=given.json)
    if failure is not None:
        raise failure
    return Exit.OK


def _end_replay(transport: ReplayTransport, counters: Counters, *, as_objects: bool) -> None:
    sys.stdout.flush()
    say(transport.description)
    lines = list(summary(counters, None))
    if transport.unjudged:
        lines.append(f"frames without an IP packet, passed unjudged: {transport.unjudged}")
    if transport.unwritable:
        lines.append(f"of these not in the output, which is raw IP: {transport.unwritable}")
    for line in lines:
        if as_objects:
            say(line)
        else:
            print(line)


def schema(given: Namespace) -> Exit:
    """Print the JSON Schema of a policy."""
    del given
    print(json.dumps(policy_schema(), indent=1))
    return Exit.OK


_FAMILIES = {"ip": IPV4, "ip6": IPV6}


def _families(given: Namespace) -> dict[str, Family]:
    """Return the families that are asked for; without a word, all that the kernel has."""
    if given.family is not None:
        return {given.family: _FAMILIES[given.family]}
    return {name: family for name, family in _FAMILIES.items() if has_family(family)}


def kmod(given: Namespace) -> Exit:
    """Set the kernel module's settings, then show them and its statistics."""
    states = []
    for name, family in _families(given).items():
        control = ControlSocket.open(family)
        try:
            if given.changes:
                control.change(changed(control.settings(), dict(given.changes)))
            if given.reset:
                control.reset()
            states.append(state(name, control.settings(), control.statistics()))
        finally:
            control.close()
    for line in map(json.dumps, states) if given.json else table(states):
        print(line)
    return Exit.OK


def tap(given: Namespace) -> Exit:
    """Print what the kernel module tells of each decided packet, until interrupted."""
    shown = lost = 0
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ExitStack() as stack, selectors.DefaultSelector() as selector:
            for name, family in _families(given).items():
                joined = Tap.open(family)
                stack.callback(joined.close)
                selector.register(joined, selectors.EVENT_READ, (name, joined))
            say("tap: listening")
            while True:
                for key, _ in selector.select():
                    name, joined = key.data
                    more, missing = _show_tap(name, joined, given)
                    shown += more
                    lost += missing
                sys.stdout.flush()
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)
    say(f"tap: {shown} records shown, {lost} lost")
    return Exit.OK


def _show_tap(name: str, joined: Tap, given: Namespace) -> tuple[int, int]:
    """Print what waits at one tap; return how many records were shown, and lost."""
    shown = 0
    lost, records = joined.read()
    if lost:
        missing = lost_record(name, lost)
        print(json.dumps(missing) if given.json else f"{lost} records of {name} lost")
    for told in records:
        if given.proto is None or told.protocol == given.proto:
            record = tap_record(told, joined.names.__getitem__)
            print(json.dumps(record) if given.json else tap_text(record, colour=_colour()))
            shown += 1
    return shown, lost
