# SPDX-License-Identifier: GPL-2.0
"""A policy compiled: lowered to its program, verified, and built for the engine in C."""

from qverdictd._fast import Engine, ProgramError
from qverdictd.errors import PolicyError, QverdictdError
from qverdictd.policy.lower import lower, problem
from qverdictd.policy.model import Policy

#: Flows that a thread remembers, of which it then need not search the rules.
CACHED_FLOWS = 1 << 16
#: Bytes that may be built from a program.
MEMORY = 1 << 30


def compiled(policy: Policy, *, lanes: int = 1, memory: int = MEMORY) -> Engine:
    """Compile for ``lanes`` threads, with at most ``memory`` bytes beside the program.

    Raises `PolicyError` for a policy that the engine cannot run, at the rule to blame;
    `QverdictdError` if there is no memory for it.
    """
    try:
        return Engine(lower(policy), lanes=lanes, memory=memory, cached_flows=CACHED_FLOWS)
    except ProgramError as error:
        rule = None if error.rule is None else policy.rules[error.rule]
        raise PolicyError([problem(policy, rule, error.text)]) from None
    except MemoryError:
        raise QverdictdError("not enough memory to compile the policy") from None
