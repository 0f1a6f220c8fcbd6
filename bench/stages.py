# SPDX-License-Identifier: GPL-2.0
"""Time the stages from YAML to a built engine, within one process: ``python -m bench.stages F``.

Prints a line of JSON: CPU seconds of each stage, bytes of the program, and bytes that the engine
has in use beside it.
"""

import json
import sys
import time
from pathlib import Path

from qverdictd._fast import Engine
from qverdictd.policy.load import load
from qverdictd.policy.lower import lower


def main(file: Path) -> None:
    """Load, lower and build a policy."""
    times = [time.process_time()]
    policy = load(file)
    times.append(time.process_time())
    program = lower(policy)
    times.append(time.process_time())
    engine = Engine(program)
    times.append(time.process_time())
    stages = {
        name: after - before
        for name, before, after in zip(
            ("load", "lower", "build"), times[:-1], times[1:], strict=True
        )
    }
    print(json.dumps(stages | {"program": len(program), "memory": engine.memory}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
