# SPDX-License-Identifier: GPL-2.0
"""Whole policies as documents, and their way through the loader."""

import json
import socket
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from qverdictd.action.rewrite import Replace, Rewrite, SetAddress, SetNumber
from qverdictd.packet.fields import FIELDS
from qverdictd.policy.load import load
from qverdictd.policy.model import Policy

from . import pools
from .matches import SETS, matches, values
from .rewrites import same_size


def loaded(document: dict[str, Any]) -> Policy:
    """Load a document as a file with the same content is loaded: JSON is YAML."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "rules.yaml"
        file.write_text(json.dumps(document))
        return load(file)


def _written(rewrite: Rewrite) -> dict[str, Any]:
    """Write an edit as a policy does."""
    match rewrite:
        case SetNumber(field, value):
            return {"set": {field: value}}
        case SetAddress(field, address):
            family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
            return {"set": {field: socket.inet_ntop(family, address)}}
        case Replace(find, with_, count):
            replace = {"hex": find.hex(), "with_hex": with_.hex()}
            return {"replace": replace if count is None else {**replace, "count": count}}
    raise AssertionError(rewrite)


_VERDICTS: tuple[Any, ...] = ("accept", "drop", "repeat", {"queue": 7}, "continue", "continue")
_rules = st.fixed_dictionaries(
    {"verdict": st.sampled_from(_VERDICTS)},
    optional={
        "match": matches,
        "mark": st.one_of(
            st.sampled_from(pools.MARKS),
            st.fixed_dictionaries(
                {"set": st.sampled_from(pools.MARKS), "mask": st.sampled_from(pools.MARKS)}
            ),
        ),
        "rewrite": st.lists(same_size.map(_written), min_size=1, max_size=2),
        "log": st.sampled_from((True, {"level": "warning", "prefix": "seen"})),
    },
)

#: Rules that change the size of payloads, where sizes may change.
_resizing = st.fixed_dictionaries(
    {
        "verdict": st.sampled_from(_VERDICTS),
        "match": st.fixed_dictionaries(
            {"proto": st.sampled_from(("udp", "icmp", ["udp", "udplite", "icmpv6"]))},
            optional={"payload": values(FIELDS["payload"])},
        ),
        "rewrite": st.lists(
            st.one_of(
                st.sampled_from(({"text": "hello"}, {"hex": ""}, {"hex": "00 ff 00"})).map(
                    lambda payload: {"payload": payload}
                ),
                st.sampled_from(
                    (
                        {"text": "hello", "with": "HELLO, HELLO"},
                        {"hex": "00", "with_hex": "", "count": 2},
                        {"regex": "(h)(.)", "with": "\\2\\1\\1"},
                        {"regex": "[a-z]*$", "with": ""},
                    )
                ).map(lambda replace: {"replace": replace}),
            ),
            min_size=1,
            max_size=2,
        ),
    }
)

#: A rule that changes every packet that is at hand: what its headers are then decides the sums.
_changing_all = st.fixed_dictionaries(
    {
        "verdict": st.just("continue"),
        "rewrite": st.sampled_from(("ttl", "dscp", "ecn")).flatmap(
            lambda field: st.integers(0, 3).map(lambda value: [{"set": {field: value}}])
        ),
    }
)
_any_rules = st.lists(st.one_of(_rules, _rules, _resizing), min_size=1, max_size=5)


def _document(rules: list[dict[str, Any]], default: str, on_error: str) -> dict[str, Any]:
    named = [{"name": f"rule-{number}", **rule} for number, rule in enumerate(rules, 1)]
    return {
        "version": 1,
        "default": default,
        "on_error": on_error,
        "sets": SETS,
        "rules": named,
    }


_verdicts = st.sampled_from(("accept", "drop"))
#: Documents that the loader takes.
documents: st.SearchStrategy[dict[str, Any]] = st.builds(
    _document,
    st.one_of(
        _any_rules,
        _any_rules,
        st.builds(lambda first, others: [first, *others], _changing_all, _any_rules),
    ),
    _verdicts,
    _verdicts,
)
#: Policies, loaded.
policies: st.SearchStrategy[Policy] = documents.map(loaded)
