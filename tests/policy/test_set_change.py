# SPDX-License-Identifier: GPL-2.0
"""A set file that changes: the policy is what loading it anew would make, and nothing else is."""

from pathlib import Path

import pytest

from qverdictd.errors import PolicyError
from qverdictd.policy.load import load
from qverdictd.policy.lower import lower
from qverdictd.policy.model import Policy
from qverdictd.policy.set_change import with_sets
from qverdictd.policy.sets import read_again

POLICY = """
version: 1
sets:
  block: {type: cidr, file: block.txt}
  mixed: {type: cidr, file: mixed.txt, values: [203.0.113.0/24, "2001:db8:5::/48"]}
  fixed: {type: cidr, values: [192.0.2.7]}
  ports: {type: port, file: ports.txt, values: [9]}
  types: {type: number, file: types.txt}
  protos: {type: number, file: protos.txt}
  links: {type: interface, file: links.txt}
  cards: {type: mac, file: cards.txt}
rules:
  - {name: plain, match: {src: "@block"}, verdict: drop}
  - {name: not, match: {dst: {not: "@block"}, dport: "@ports"}, verdict: drop}
  - {name: either, match: {port: "@ports"}, verdict: drop}
  - {name: listed, match: {src: ["@block", "@fixed", 198.51.100.9], port: ["@ports", 7]}, verdict: drop}
  - {name: alone, match: {src: ["@mixed"]}, verdict: drop}
  - {name: deep, match: {ttl: {lt: 9}, any: [{not: {src: "@mixed"}}, {all: [{sport: "@ports"}]}]}, verdict: drop}
  - {name: icmp, match: {icmp.type: "@types"}, verdict: drop}
  - {name: proto, match: {proto: "@protos", ttl: {lt: 9}}, verdict: drop}
  - {name: where, match: {in: "@links", mac.src: "@cards"}, verdict: drop}
  - {name: payload, match: {proto: udp, payload: "@block"}, verdict: drop}
  - {name: other, match: {src: "@fixed"}, verdict: accept}
tests:
  - {name: t, packet: {src: 192.0.2.7, proto: 253}, expect: {verdict: accept, rule: other}}
"""  # noqa: E501

FILES = {
    "block": "10.0.0.0/8\n172.16.0.1-172.16.0.9 # more\n",
    "mixed": "2001:db8::1\n",
    "ports": "80\n443\n",
    "types": "8\n",
    "protos": "6\n17\n",
    "links": "eth0\nwg*\n",
    "cards": "02:00:00:00:00:01\n",
}
LATER = {
    "block": "192.0.2.128/25\n2001:db8:f::/48\n" + "".join(f"10.{n}.0.1\n" for n in range(250)),
    "mixed": "\n198.51.100.0/24\n",
    "ports": "8000-8099\n",
    "types": "3\n11\n",
    "protos": "17\n",
    "links": "eth9\n",
    "cards": "02:00:00:00:00:02\n02:00:00:00:00:03\n",
}


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(POLICY)
    for name, text in FILES.items():
        (tmp_path / f"{name}.txt").write_text(text)
    return file


def changed(policy: Policy, *names: str) -> Policy:
    return with_sets(policy, [read_again(one) for one in policy.sets if one.name in names])


@pytest.mark.parametrize("names", [*((name,) for name in FILES), tuple(FILES)], ids="+".join)
def test_as_if_it_were_loaded_anew(rules: Path, names: tuple[str, ...]) -> None:
    before = load(rules)
    for name in names:
        rules.with_name(f"{name}.txt").write_text(LATER[name])
    after = changed(before, *names)
    anew = load(rules)
    assert after == anew
    assert after != before
    assert lower(after) == lower(anew)
    assert [one.stamp for one in after.sets] == [one.stamp for one in anew.sets]
    # What names none of them is the same object; in all others one object is shared.
    kept = [rule for rule, one in zip(before.rules, after.rules, strict=True) if rule is one]
    assert {"payload", "other"} <= {rule.name for rule in kept}
    assert "plain" in {rule.name for rule in kept} or "block" in names


def test_again_and_again(rules: Path) -> None:
    policy = load(rules)
    lower(policy)  # after which large sets are in the program
    for turn in range(4):
        for name, text in (LATER, FILES)[turn % 2].items():
            rules.with_name(f"{name}.txt").write_text(text)
        policy = changed(policy, *FILES)
        assert lower(policy) == lower(load(rules))


def test_an_edited_policy_takes_no_force(rules: Path) -> None:
    before = load(rules)
    rules.write_text("version: 1\nsets: {block: {type: cidr, file: nosuch.txt}}\n")
    rules.with_name("block.txt").write_text(LATER["block"])
    after = changed(before, "block")
    assert [rule.name for rule in after.rules] == [rule.name for rule in before.rules]
    assert (after.tests, after.files) == (before.tests, before.files)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("10.0.0.0/8\n 10.0.0.300\n", r"block\.txt:2:2: "),
        ("# nothing\n", r"rules\.yaml:4:3: set 'block' is empty"),
        (None, r"rules\.yaml:4:3: cannot read .*block\.txt: No such file"),
    ],
)
def test_a_bad_file_is_refused_where_the_set_is(rules: Path, text: str | None, told: str) -> None:
    before = load(rules)
    file = rules.with_name("block.txt")
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    with pytest.raises(PolicyError, match=told):
        changed(before, "block")


def test_the_policy_s_tests_are_run(rules: Path) -> None:
    before = load(rules)
    rules.with_name("block.txt").write_text("192.0.2.0/24\n")
    with pytest.raises(
        PolicyError, match=r"rules\.yaml:25:5: test 't' fails: verdict expected acc"
    ):
        changed(before, "block")


def test_a_rewrite_that_may_meet_tcp_is_refused(rules: Path) -> None:
    rules.write_text(
        "version: 1\nsets: {protos: {type: number, file: protos.txt}}\nrules:\n"
        '  - {name: r, match: {proto: "@protos"}, rewrite: [{payload: {text: a}}], verdict: drop}\n'
    )
    rules.with_name("protos.txt").write_text("17\n")
    before = load(rules)
    rules.with_name("protos.txt").write_text("6\n17\n")
    with pytest.raises(PolicyError, match=r"rules\.yaml:4:5: rule 'r': this changes .* match TCP"):
        changed(before, "protos")
