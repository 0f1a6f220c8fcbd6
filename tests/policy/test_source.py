# SPDX-License-Identifier: GPL-2.0
"""YAML as we read it: what is refused, where, and that nothing is read two ways."""

from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from qverdictd.errors import PolicyError
from qverdictd.policy.source import (
    _CORE,
    DEEPEST,
    LARGEST_FILE,
    MOST_PROBLEMS,
    ambiguous,
    parse,
    read,
    resolved,
)


def found(text: str | bytes) -> list[str]:
    data = text if isinstance(text, bytes) else text.encode()
    return [str(problem).removeprefix("f:") for problem in parse(data, "f").problems]


def test_values_know_their_places() -> None:
    source = parse(b"a: 1\nb:\n  - x\n  - c: {d: true}\n", "f")
    assert source.root.plain() == {"a": 1, "b": ["x", {"c": {"d": True}}]}
    assert source.root.place(("b", 1, "c", "d")) == (4, 12)
    assert source.root.place(("b", 1, "c", "d"), of_key=True) == (4, 9)
    assert source.root.place(("b", 0)) == (3, 5)
    assert source.root.place(("b", 7, "nothing")) == (3, 3)


def test_columns_count_characters_not_bytes() -> None:
    assert found("ä: 'é'\nöß: *x\n") == ["2:5: aliases (*x) are not part of the language"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &x 1\n", "1:4: anchors (&x) are not part of the language"),
        ("b: *x\n", "1:4: aliases (*x) are not part of the language"),
        ("a: !!str 1\n", "1:4: tags (tag:yaml.org,2002:str) are not part of the language"),
        ("a: !own [1]\n", "1:4: tags (!own) are not part of the language"),
        ("%TAG !e! tag:x,2000:\n---\na: 1\n", "1:1: tags (%TAG) are not part of the language"),
        ("<<: {a: 1}\n", "1:1: merge keys (<<) are not part of the language"),
        ("a: 1\nb: 2\na: 3\n", "3:1: 'a' is here twice: first at 1:1"),
        ("x: {b: 1, 'b': 2}\n", "1:11: 'b' is here twice: first at 1:5"),
        ("a: 1\n---\nb: 2\n", "2:1: a second document (---): a file holds one"),
        ("[a]: 1\n", "1:1: a key must be a plain word"),
        ("? {a: 1}\n: 1\n", "1:3: a key must be a plain word"),
        ("a: no\n", "1:4: no means different things in YAML 1.1 and 1.2: quote it"),
        ("a: 022\n", "1:4: 022 means different things in YAML 1.1 and 1.2: quote it"),
        ("a: 12:30\n", "1:4: 12:30 means different things in YAML 1.1 and 1.2: quote it"),
        ("on: 1\n", "1:1: on means different things in YAML 1.1 and 1.2: quote it"),
        ("a: [1, 2\nb: 3\n", "2:2: broken YAML"),
        ("a: 'x\n", "2:1: broken YAML"),
        ("a: b: c\n", "1:5: broken YAML"),
        ("\tx: 1\n", "1:1: broken YAML"),
        ("a: @set\n", "1:4: broken YAML"),
        (b"a: 1\nb: \xff\n", "2:4: not UTF-8: save the file as UTF-8"),
        ("a: 1\n".encode("utf-16"), "1:1: not UTF-8: save the file as UTF-8"),
        (b"a: 1\nbc: \x00\n", "2:5: broken YAML: control characters are not allowed"),
        (b"a: \x1b[31m\n", "1:4: broken YAML: control characters are not allowed"),
        ("ä: 1\nöö: \x07\n", "2:5: broken YAML: control characters are not allowed"),
        ("a: " + "9" * 41, "1:4: 9999999999999999999999999999999999999... is longer than any"),
    ],
)
def test_what_the_language_leaves_out(text: str | bytes, expected: str) -> None:
    assert [message[: len(expected)] for message in found(text)] == [expected]


@pytest.mark.parametrize("quoted", ["'no'", '"022"', "'12:30'", "'<<'", '"1e3"', "|-\n  on"])
def test_quoted_is_text(quoted: str) -> None:
    source = parse(f"a: {quoted}\n".encode(), "f")
    assert not source.problems
    assert isinstance(source.root.plain()["a"], str)


def test_a_byte_order_mark_does_not_count() -> None:
    source = parse(b"\xef\xbb\xbfa: b\n", "f")
    assert not source.problems
    assert source.root.keys == {"a": (1, 1)}


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        "{" * 200_000,
        "- " * 200_000,
        "? " * 200_000,
        "[{a: " * 100_000,
        "{a: " * 100_000,
        "".join(" " * depth + "a:\n" for depth in range(2_000)),
        "".join(" " * depth + "-\n" for depth in range(2_000)),
    ],
    ids=["[", "{", "- ", "? ", "[{a: ", "{a: ", "nested mappings", "nested lists"],
)
def test_depth_of_any_shape_is_refused(text: str) -> None:
    assert len(found(text)) == 1


def test_depth_is_allowed_up_to_a_bound() -> None:
    assert not found("[" * DEEPEST + "]" * DEEPEST)
    deeper = DEEPEST + 1
    assert found("[" * deeper + "]" * deeper) == [f"1:{deeper}: nested deeper than 32 levels"]


def test_aliases_cannot_multiply() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{name}: &{name} [*{before}, *{before}]\n"
        for before, name in zip("abcdefghij", "bcdefghijk", strict=True)
    )
    assert len(found(bomb)) == 3  # two anchors, and the first alias ends it


def test_many_tag_directives_cost_no_time() -> None:
    text = "".join(f"%TAG !a{number}! !b\n" for number in range(500_000)) + "---\na: 1\n"
    assert len(found(text)) == 1


def test_more_values_than_a_policy_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qverdictd.policy.source.MOST_NODES", 1000)
    assert not found("-\n" * 999)  # and the list itself
    message = "1000:2: more than 1000 values: put long lists into set files"
    assert found("-\n" * 2000) == [message]


def test_many_problems_are_not_all_said() -> None:
    assert len(found("".join(f"a{number}: no\n" for number in range(5_000)))) == MOST_PROBLEMS


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "huge.yaml"
    with file.open("wb") as stream:
        stream.truncate(100 << 30)  # sparse: reading all of it would take minutes
    source = read(file)
    assert [str(problem) for problem in source.problems] == [
        f"{file}:1:1: larger than {LARGEST_FILE >> 20} MiB: put long lists into set files"
    ]


@pytest.mark.parametrize("name", ["missing.yaml", ".", "nul\0byte"])
def test_what_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(PolicyError, match=":1:1: cannot read the policy: "):
        read(tmp_path / name)


PLAIN = st.one_of(
    st.text("0123456789:_.xobeE+-aAfFnNyYtT ", min_size=1, max_size=12),
    st.from_regex(r"[-+]?[0-9]{1,40}(:[0-9]{1,2}){0,3}(\.[0-9_]{0,4})?", fullmatch=True),
    st.from_regex(r"[-+]?(0[xob])?[0-9a-fA-F_]{1,40}", fullmatch=True),
    st.from_regex(r"[-+]?[0-9_]{0,4}\.?[0-9_]{0,4}([eE][-+]?[0-9]{0,3})?", fullmatch=True),
    st.from_regex(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ][0-9:.+Z ]{1,14})?", fullmatch=True),
    st.sampled_from(("yes", "No", "ON", "off", "true", "False", "NULL", "null", "~", "y", "N")),
    st.sampled_from((".inf", "-.INF", ".NaN", "nan", "=", "<<", "1_000", "0o7")),
)


def events(text: str) -> list[yaml.Event]:
    return list(yaml.parse(f"- {text}\n", Loader=yaml.CSafeLoader))


def is_plain(text: str) -> bool:
    """Whether YAML takes the text for one plain scalar, as it stands."""
    try:
        scalars = [event for event in events(text) if isinstance(event, yaml.ScalarEvent)]
        return len(events(text)) == 7 and len(scalars) == 1 and scalars[0].value == text
    except yaml.YAMLError:
        return False


def same(ours: object, theirs: object) -> bool:
    return type(ours) is type(theirs) and (ours == theirs or (ours != ours and theirs != theirs))


@given(PLAIN)
@example("-.5")
@example("1:" * 40 + "1")
@example("0" * 70)
@example("1_0.5")
@example("0x" + "f" * 40)
@example("2001:1111:2222:3333:4444:5555:6666:7777-2001:1111:2222:3333:4444:5555:6666:7778")
def test_what_is_read_is_read_so_by_both(text: str) -> None:
    if not is_plain(text):
        return
    try:
        theirs = yaml.safe_load(f"- {text}\n")[0]
    except (yaml.YAMLError, ValueError):
        assert ambiguous(text) is not None  # YAML 1.1 has no value for it
        return
    if ambiguous(text) is None:
        assert same(resolved(text), theirs)
    elif isinstance(theirs, str) and text not in "yYnN":
        # Refused although YAML 1.1 reads text: then YAML 1.2 must read something else.
        assert any(form.fullmatch(text) for form in _CORE.values()) or _of_the_spec(text)


def _of_the_spec(text: str) -> bool:
    """Whether YAML 1.1 itself has a value for it though PyYAML has not (yaml.org/type/)."""
    return text[0] in "0123456789-+." and "_" in text
