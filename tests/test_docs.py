# SPDX-License-Identifier: GPL-2.0
"""What the documents say is what the code does."""

import json
import re
from pathlib import Path

import pytest

from qverdictd.action.decision import Decision, Reason, Verdict
from qverdictd.control.record import record
from qverdictd.packet.build import build
from qverdictd.policy.load import load
from qverdictd.policy.manual import with_table

ROOT = Path(__file__).parent.parent
MANUAL = ROOT / "docs" / "policy.md"
SERVICE = ROOT / "docs" / "service.md"


def test_the_table_of_fields_is_the_code_s() -> None:
    page = MANUAL.read_text()
    assert with_table(page) == page, "python -m qverdictd.policy.manual docs/policy.md"


def test_every_reason_is_explained() -> None:
    page = MANUAL.read_text()
    assert all(f"| `{reason.value}` |" in page for reason in Reason)


@pytest.mark.parametrize("page", ["README.md", "docs/policy.md"])
def test_the_policies_shown_load(page: str, tmp_path: Path) -> None:
    shown = re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    assert shown
    for text in shown:
        file = tmp_path / "rules.yaml"
        file.write_text(text)
        load(file)


def test_every_key_of_a_decision_is_explained() -> None:
    page = (ROOT / "docs" / "decisions.md").read_text()
    (shown,) = map(json.loads, re.findall(r"```json\n(.*?)```", page, re.DOTALL))
    raw = build({"proto": 6, "sport": 40112, "dport": 23, "hook": 2, "in": "eth0"}, b"")
    raw.outdev = "eth1"
    decision = Decision(Verdict.DROP, Reason.RULE, "no-telnet")
    assert list(record(raw, decision, 0.0)) == list(shown)
    explained = re.findall(r"^\| (`.*?`) \|", page, re.MULTILINE)
    names = [name for cell in explained for name in re.findall(r"`([a-z]+)`", cell)]
    assert [name for name in names if name not in ("queue", "layers")] == list(shown)


def test_links_between_documents_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_finding_of_the_doctor_is_explained() -> None:
    source = (ROOT / "daemon" / "qverdictd" / "doctor" / "checks.py").read_text()
    names = re.findall(r'Finding\(\s*"([a-z-]+)",\s*Severity\.([A-Z]+)', source)
    page = SERVICE.read_text()
    assert len(names) == source.count("Finding(")
    assert all(f"| `{name}` | {severity.lower()} |" in page for name, severity in names)
    assert len(re.findall(r"^\| `[a-z-]+` \| (?:error|warning|note) ", page, re.MULTILINE)) == len(
        names
    )
