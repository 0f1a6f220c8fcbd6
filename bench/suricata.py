# SPDX-License-Identifier: GPL-2.0
"""Suricata 7 as a contestant, with its best settings for this traffic.

What is switched off is what our daemon does not do either: logs, application layers, statistics.
rivals/get-suricata, which bench/run calls, unpacks it into .cache; where it is not it is left out.
"""

from bench import policies
from bench.contestants import SURICATA, Contestant
from bench.measure import processors
from bench.policies import FiveTuple
from bench.tools import HERE, written

ROOT = HERE.parent / ".cache" / "suricata" / "root"
_PROGRAM = ROOT / "usr" / "bin" / "suricata"


def why_not() -> str | None:
    """Return why it cannot be measured; None if it can."""
    if not _PROGRAM.exists():
        return "bench/rivals/get-suricata could not get it"
    return None


def contestant(rules: list[FiveTuple]) -> Contestant | None:
    """Return it with these rules; None if it cannot be had."""
    if why_not() is not None:
        return None
    own, traffic = processors()
    template = (HERE / "rivals" / "suricata.yaml").read_text()
    written("suricata.rules", policies.suricata(rules))
    folder = written("suricata.log", "").parent
    text = template.format(folder=folder, etc=ROOT / "etc" / "suricata", own=own, other=traffic)
    config = written("suricata.yaml", text)
    words = ["-c", str(config), "--runmode", "workers", "-q", "{queue}", "-l", str(folder)]
    libraries = [str(path) for path in sorted((ROOT / "usr" / "lib").glob("*-linux-gnu"))]
    return Contestant(
        SURICATA,
        (str(_PROGRAM), *words, "--pidfile", str(folder / "suricata.pid")),
        ready=b"Engine started",
        environment=(("LD_LIBRARY_PATH", ":".join(libraries)),),
    )
