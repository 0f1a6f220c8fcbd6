# SPDX-License-Identifier: GPL-2.0
"""``qverdictd doctor``."""

import json
from argparse import Namespace

from qverdictd.control.config import read_config
from qverdictd.doctor.checks import findings
from qverdictd.doctor.facts import gather
from qverdictd.doctor.finding import Severity
from qverdictd.errors import Exit


def doctor(given: Namespace) -> Exit:
    """Print what is wrong and what to do; exit 0 if nothing is, 77 if we may not look."""
    config = read_config(given.config)
    if given.queue:
        config = config.model_copy(update={"queues": given.queue})
    facts = gather(given.interval)
    found = findings(facts, config)
    for finding in found:
        if given.json:
            record = {name: getattr(finding, name) for name in finding.__slots__}
            print(json.dumps(record))
            continue
        print(f"{finding.severity}: {finding.text} [{finding.name}]")
        if finding.cure:
            print(f"  cure: {finding.cure}")
    if not facts.net_admin:
        return Exit.NO_PERMISSION
    ill = any(finding.severity is not Severity.NOTE for finding in found)
    if not ill and not given.json:
        count = len(facts.ruleset.rules)
        print(f"nothing is wrong with queue {config.queues}: rules to queues seen: {count}")
    return Exit.FAILED if ill else Exit.OK
