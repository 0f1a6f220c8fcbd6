# SPDX-License-Identifier: GPL-2.0
"""The command line: ``qverdictd run | check | replay | schema``."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from qverdictd import commands
from qverdictd.control.config import RULES_FILE, queue_numbers
from qverdictd.errors import Exit, PolicyError, QverdictdError


class _Parser(argparse.ArgumentParser):
    """Ends with the exit code that ``sysexits.h`` has for usage."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and how to get help."""
        self.exit(Exit.USAGE, f"{self.prog}: {message}\nTry '{self.prog} --help'.\n")


def _queues(text: str) -> str:
    try:
        queue_numbers(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


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
    return parser


def _add_run(programs: "argparse._SubParsersAction[_Parser]") -> None:
    run = programs.add_parser(
        "run",
        help="be the daemon, in the foreground",
        epilog="example: qverdictd run --rules rules.yaml --queue 0 -v",
    )
    run.add_argument("--config", type=Path, metavar="F", help="how to run: a qverdictd.yaml")
    run.add_argument("--rules", type=Path, metavar="F", help="the policy, instead of config's")
    run.add_argument("--queue", type=_queues, metavar="N[-M]", help="the queue, or a range")
    run.add_argument(
        "--transport",
        choices=("auto", "ipqueue", "nfqueue", "netfilterqueue"),
        help="how packets come, instead of config's",
    )
    _add_views(run, "show a line for each decision")
    run.set_defaults(function=commands.run)


def _add_check(programs: "argparse._SubParsersAction[_Parser]") -> None:
    check = programs.add_parser(
        "check",
        help="load policies as the daemon would, and run their tests",
        epilog="example: qverdictd check --explain rules.yaml",
    )
    check.add_argument("files", type=Path, nargs="*", metavar="FILE", default=[RULES_FILE])
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
    _add_views(replay, None)
    replay.set_defaults(function=commands.replay)


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
        return int(given.function(given))
    except PolicyError as error:
        if getattr(given, "json", False) and given.command == "check":
            for problem in error.problems:
                print(json.dumps({name: getattr(problem, name) for name in problem.__slots__}))
        else:
            print(error, file=sys.stderr)
        return error.exit_code
    except QverdictdError as error:
        print(f"qverdictd: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output has seen enough; let the interpreter's own flush find no pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except KeyboardInterrupt:
        return Exit.FAILED
