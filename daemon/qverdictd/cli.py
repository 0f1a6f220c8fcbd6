# SPDX-License-Identifier: GPL-2.0
"""The command line: ``qverdictd run | check | replay | attach | doctor | ...``."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError

from qverdictd import commands
from qverdictd.attach import command as wiring
from qverdictd.control.config import cpu_numbers, queue_numbers
from qverdictd.control.journal import Event, say
from qverdictd.control.kmod import SETTINGS, parse_setting
from qverdictd.control.wiring import (
    BACKENDS,
    HOOKS,
    interface_name,
    port_ranges,
    protocol_number,
)
from qverdictd.doctor.command import doctor
from qverdictd.errors import Exit, PolicyError, QverdictdError


class _Parser(argparse.ArgumentParser):
    """Ends with the exit code that ``sysexits.h`` has for usage."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and how to get help."""
        self.exit(Exit.USAGE, f"{self.prog}: {message}\nTry '{self.prog} --help'.\n")


def _checked(read: Callable[[str], object]) -> Callable[[str], str]:
    """Return an argument's type: a text that ``read`` takes, kept as it was written."""

    def check(text: str) -> str:
        try:
            read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        return text

    return check


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 3600:  # nan is neither
        raise argparse.ArgumentTypeError(f"expected seconds, 0 to 3600, not {text!r}")
    return seconds


def _cpus(text: str) -> str:
    try:
        cpu_numbers(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _setting(text: str) -> tuple[str, int]:
    try:
        return parse_setting(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _protocol(text: str) -> int:
    try:
        return protocol_number(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; each help ends with an example."""
    parser = _Parser(
        prog="qverdictd",
        description="Decides the packets that the Linux kernel queues, by a YAML policy.",
        epilog="exit codes: 0 done, 1 failed, 64 usage, 65 bad input data, 69 unavailable, "
        "77 no permission, 78 bad configuration",
    )
    programs = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_run(programs)
    _add_check(programs)
    _add_replay(programs)
    schema = programs.add_parser(
        "schema",
        help="print the JSON Schema of a policy, for editors",
        epilog="example: qverdictd schema > policy.schema.json",
    )
    schema.set_defaults(function=commands.schema)
    _add_attach(programs)
    _add_detach(programs)
    _add_doctor(programs)
    _add_kmod(programs)
    _add_tap(programs)
    return parser


def _add_run(programs: "argparse._SubParsersAction[_Parser]") -> None:
    run = programs.add_parser(
        "run",
        help="be the daemon, in the foreground",
        epilog="example: qverdictd run --rules rules.yaml --queue 0 -v",
    )
    run.add_argument("--config", type=Path, metavar="F", help="how to run: a qverdictd.yaml")
    run.add_argument("--rules", type=Path, metavar="F", help="the policy, instead of config's")
    run.add_argument(
        "--queue", type=_checked(queue_numbers), metavar="N[-M]", help="the queue, or a range"
    )
    run.add_argument(
        "--transport",
        choices=("auto", "ipqueue", "nfqueue", "netfilterqueue"),
        help="how packets come, instead of config's",
    )
    run.add_argument(
        "--cpus",
        type=_cpus,
        metavar="LIST",
        help="processors of the workers, such as 0-3: auto, none, or a list, instead of config's",
    )
    _add_engine(run, None)
    _add_views(run, "show a line for each decision")
    run.set_defaults(function=commands.run)


def _add_check(programs: "argparse._SubParsersAction[_Parser]") -> None:
    check = programs.add_parser(
        "check",
        help="load policies as the daemon would, and run their tests",
        epilog="example: qverdictd check --explain rules.yaml",
    )
    check.add_argument(
        "files", type=Path, nargs="*", metavar="FILE", help="the configuration's, if not said"
    )
    check.add_argument(
        "--explain", action="store_true", help="print the policy as numbered pseudo-code"
    )
    check.add_argument("--json", action="store_true", help="problems as JSON, one a line")
    check.set_defaults(function=commands.check)


def _add_replay(programs: "argparse._SubParsersAction[_Parser]") -> None:
    replay = programs.add_parser(
        "replay",
        help="the policy over a capture: no root, no kernel needed",
        epilog="example: qverdictd replay --rules rules.yaml in.pcap -w out.pcap",
    )
    replay.add_argument("capture", type=Path, metavar="IN.pcap", help="pcap or pcapng")
    replay.add_argument("--rules", type=Path, metavar="F", required=True, help="the policy")
    replay.add_argument(
        "-w", dest="output", type=Path, metavar="OUT.pcap", help="what survives, rewritten"
    )
    _add_engine(replay, "auto")
    _add_views(replay, None)
    replay.set_defaults(function=commands.replay)


def _add_attach(programs: "argparse._SubParsersAction[_Parser]") -> None:
    attach = programs.add_parser(
        "attach",
        help="make the firewall rules that send packets to the queue",
        description="Makes rules of its own that send packets to the queue, in the table mangle or "
        "one of its own; others' rules are never touched. Done twice, it changes nothing. What is "
        "not said here, the configuration's attach: says; the queues and the overflow are the "
        "daemon's (overflow: accept bypasses a queue that nobody holds).",
        epilog="example: qverdictd attach --hook forward --proto tcp --dport 80,443 --dry-run",
    )
    attach.add_argument("--config", type=Path, metavar="F", help="how to run: a qverdictd.yaml")
    attach.add_argument(
        "--backend", choices=("auto", *BACKENDS), help="whose rules; auto: the first that works"
    )
    attach.add_argument(
        "--hook",
        dest="hooks",
        choices=HOOKS,
        action="append",
        help="where packets are taken, forward if not said; may be given more than once",
    )
    attach.add_argument("--proto", type=_checked(protocol_number), metavar="P", help="only this")
    for name in ("sport", "dport"):
        attach.add_argument(
            f"--{name}", type=_checked(port_ranges), metavar="N[-M][,..]", help="only these ports"
        )
    attach.add_argument(
        "--in", dest="in_", type=_checked(interface_name), metavar="IF", help="coming in here"
    )
    attach.add_argument("--out", type=_checked(interface_name), metavar="IF", help="going out here")
    _add_family(attach)
    attach.add_argument(
        "--defragment",
        action="store_true",
        default=None,
        help="put fragments together first, by tracking connections; else only a packet's first "
        "fragment has ports",
    )
    attach.add_argument(
        "--queue", type=_checked(queue_numbers), metavar="N[-M]", help="instead of config's"
    )
    attach.add_argument("--overflow", choices=("drop", "accept"), help="instead of config's")
    _add_changing(attach, "do nothing unless the configuration has attach:")
    attach.set_defaults(function=wiring.attach)


def _add_detach(programs: "argparse._SubParsersAction[_Parser]") -> None:
    detach = programs.add_parser(
        "detach",
        help="take away the rules that attach made",
        epilog="example: qverdictd detach --dry-run",
    )
    detach.add_argument("--config", type=Path, metavar="F", help="how to run: a qverdictd.yaml")
    _add_changing(detach, "do nothing unless the configuration's attach: has on_stop: detach")
    detach.set_defaults(function=wiring.detach)


def _add_doctor(programs: "argparse._SubParsersAction[_Parser]") -> None:
    parser = programs.add_parser(
        "doctor",
        help="find what breaks the way of packets to the queue, and say the cure",
        epilog="example: qverdictd doctor --json; exit code 0: nothing is wrong, 1: something is",
    )
    parser.add_argument("--config", type=Path, metavar="F", help="how to run: a qverdictd.yaml")
    parser.add_argument(
        "--queue", type=_checked(queue_numbers), metavar="N[-M]", help="instead of config's"
    )
    parser.add_argument(
        "--interval",
        type=_seconds,
        default=1.0,
        metavar="S",
        help="for so many seconds see if the kernel drops packets (default 1)",
    )
    parser.add_argument("--json", action="store_true", help="findings as JSON, one a line")
    parser.set_defaults(function=doctor)


def _add_changing(parser: argparse.ArgumentParser, configured: str) -> None:
    parser.add_argument("--configured", action="store_true", help=f"{configured}; for units")
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be done, as commands for a shell"
    )
    parser.add_argument("--json", action="store_true", help="what is done as JSON, one a line")


def _add_kmod(programs: "argparse._SubParsersAction[_Parser]") -> None:
    kmod = programs.add_parser(
        "kmod",
        help="show and set the kernel module ip_queue",
        epilog="example: qverdictd kmod --set linger_ms=5000 overflow_verdict=accept",
    )
    _add_family(kmod)
    kmod.add_argument(
        "--set",
        dest="changes",
        type=_setting,
        nargs="+",
        action="extend",
        metavar="NAME=VALUE",
        help=f"change settings: {', '.join(SETTINGS)} (times in ms, verdicts drop or accept)",
    )
    kmod.add_argument("--reset", action="store_true", help="let the counters begin at 0 again")
    kmod.add_argument("--json", action="store_true", help="an object for each family, one a line")
    kmod.set_defaults(function=commands.kmod)


def _add_tap(programs: "argparse._SubParsersAction[_Parser]") -> None:
    tap = programs.add_parser(
        "tap",
        help="print what the kernel module tells of each packet that was decided",
        epilog="example: qverdictd tap --proto icmp",
    )
    _add_family(tap)
    tap.add_argument(
        "--proto", type=_protocol, metavar="P", help="only this protocol, by name or number"
    )
    tap.add_argument("--json", action="store_true", help="records as JSON, one a line")
    tap.set_defaults(function=commands.tap)


def _add_family(parser: argparse.ArgumentParser) -> None:
    family = parser.add_mutually_exclusive_group()
    family.add_argument(
        "-4", dest="family", action="store_const", const="ip", help="only the IPv4 queue"
    )
    family.add_argument(
        "-6", dest="family", action="store_const", const="ip6", help="only the IPv6 queue"
    )


def _add_engine(parser: argparse.ArgumentParser, default: str | None) -> None:
    parser.add_argument(
        "--engine",
        choices=("auto", "native", "reference"),
        default=default,
        help="what judges: compiled C (auto, native), or the readable Python that defines it"
        + ("" if default else "; instead of config's"),
    )


def _add_views(parser: argparse.ArgumentParser, verbose: str | None) -> None:
    if verbose is not None:
        parser.add_argument("-v", dest="verbose", action="store_true", help=verbose)
    parser.add_argument("--json", action="store_true", help="decisions as JSON, one a line")
    parser.add_argument(
        "--dissect", action="store_true", help="peel each packet layer by layer, with scapy"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    given = make_parser().parse_args(arguments)
    try:
        code = int(given.function(given))
        sys.stdout.flush()  # here, where a reader that went away is no surprise
        return code
    except PolicyError as error:
        if getattr(given, "json", False) and given.command == "check":
            for problem in error.problems:
                print(json.dumps({name: getattr(problem, name) for name in problem.__slots__}))
        elif given.command == "run":
            say(str(error), Event.NOT_STARTED, level="error")
        else:
            print(error, file=sys.stderr)
        return error.exit_code
    except QverdictdError as error:
        say(str(error), Event.NOT_STARTED if given.command == "run" else None, level="error")
        return error.exit_code
    except ValidationError as error:  # what was given does not fit together
        print(f"qverdictd: {error.errors()[0]['ctx']['error']}", file=sys.stderr)
        return Exit.USAGE
    except BrokenPipeError:
        # Whoever read our output has seen enough; let the interpreter's own flush find no pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except KeyboardInterrupt:
        return Exit.FAILED
