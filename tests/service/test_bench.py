# SPDX-License-Identifier: GPL-2.0
"""The benchmark's part about the service has its figures."""

import re

from bench.report import Chapter
from bench.tools import Options

from bench import report, service

QUICK = Options(
    rounds=1, seconds=0, engine="native", quick=True, programs="", minutes=0, reloads=0, rate=0
)


def test_a_quick_run() -> None:
    findings = service.run(QUICK)
    said = report.terminal([Chapter("service", "", 0, "", findings)])
    for what in ("start to ready", "hung to replaced"):
        found = re.search(rf"^.*{what}, 10,000 rules: .* +([\d.]+) s +<=", said, re.MULTILINE)
        assert found is not None
        assert 0 < float(found[1]) < 30
