# SPDX-License-Identifier: GPL-2.0
"""Loads a policy: the file, its ``rules.d``, its set files; all errors at once, or a model."""

import re
from collections.abc import Iterator
from pathlib import Path as FilePath

from qverdictd.action.decision import Verdict
from qverdictd.errors import PolicyError, Problem
from qverdictd.policy.document import NAME, OutlineShape, RuleShape, SetShape, TestShape
from qverdictd.policy.inline_tests import failures, read_test
from qverdictd.policy.model import NamedSet, Place, Policy, PolicyTest, Rule
from qverdictd.policy.pause import collection_paused
from qverdictd.policy.rules import RuleBuilder
from qverdictd.policy.sets import read_set
from qverdictd.policy.shape import checked
from qverdictd.policy.source import Node, Path, Source, read
from qverdictd.policy.values import ValueReader


@collection_paused()
def load(file: FilePath) -> Policy:
    """Load a policy as the daemon would, its inline tests included.

    Raises `PolicyError` with every problem that was found.
    """
    sources = list(_sources(file))
    outlines = [_outline(source, main=source is sources[0]) for source in sources]
    # What can be read is read to its end, so that one file's errors do not hide another's.
    policy = _policy(sources, outlines[0])
    problems = [problem for source in sources for problem in source.problems]
    if not problems:
        problems = failures(policy)
    if problems:
        raise PolicyError(problems)
    return policy


def _sources(file: FilePath) -> Iterator[Source]:
    """Read the file and what ``rules.d`` beside it adds, in lexical order."""
    yield read(file)
    folder = file.parent / "rules.d"
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        # Rules that cannot be seen might be those that drop.
        message = f"cannot read the folder: {error.strerror}"
        raise PolicyError([Problem(str(folder), 1, 1, message)]) from None
    for name in names:
        # As a shell's *.yaml: what editors hide there is no policy.
        if name.endswith(".yaml") and not name.startswith("."):
            yield read(folder / name)


def _outline(source: Source, *, main: bool) -> OutlineShape | None:
    if not source.whole:
        return None
    if source.root.value is None:
        source.problem("empty: a policy begins with 'version: 1'")
        return None
    outline = checked(source, _without_entries(source.root), OutlineShape, ())
    if outline is not None and not main:
        for key in ("default", "on_error"):
            if getattr(outline, key) is not None:
                source.problem(f"{key} belongs into the main file alone", (key,), of_key=True)
    return outline


def _without_entries(root: Node) -> Node:
    """Return the document without what is in its lists and sets, which is checked one by one."""
    if not isinstance(root.value, dict):
        return root
    outer: dict[str, Node] = {}
    for key, node in root.value.items():
        if key in ("rules", "tests") and isinstance(node.value, list):
            outer[key] = Node([], node.line, node.column)
        elif key == "sets" and isinstance(node.value, dict):
            outer[key] = Node({}, node.line, node.column)
        else:
            outer[key] = node
    return Node(outer, root.line, root.column)


def _policy(sources: list[Source], main: OutlineShape | None) -> Policy:
    """Return the policy; it is whole only if no source has a problem."""
    sets = _sets(sources)
    reader = ValueReader(sets, all_known=all(source.whole for source in sources))
    rules: list[Rule] = []
    tests: list[PolicyTest] = []
    for source in sources:
        builder = RuleBuilder(source, reader)
        for node, path in _items(source, "rules"):
            plain = node.plain()
            shape = checked(source, node, RuleShape, path, plain)
            if shape is not None:
                place = Place(source.name, node.line, node.column)
                rules.append(builder.rule(shape, plain, place, path))
        for node, path in _items(source, "tests"):
            test_shape = checked(source, node, TestShape, path)
            if test_shape is not None:
                test = read_test(test_shape, node, source, path)
                if test is not None:
                    tests.append(test)
    _check_rule_names(sources)
    return Policy(
        Verdict((main and main.default) or "accept"),
        Verdict((main and main.on_error) or "drop"),
        tuple(rules),
        tuple(named for named in sets.values() if named is not None),
        tuple(tests),
        tuple(source.name for source in sources)
        + tuple(named.file for named in sets.values() if named and named.file),
    )


def _items(source: Source, key: str) -> Iterator[tuple[Node, Path]]:
    """Yield the entries of one of the document's lists and their paths."""
    root = source.root.value if source.whole else None
    listed = root.get(key) if isinstance(root, dict) else None
    if listed is not None and isinstance(listed.value, list):
        for index, node in enumerate(listed.value):
            yield node, (key, index)


def _sets(sources: list[Source]) -> dict[str, NamedSet | None]:
    """Read every set; one that has problems is None, so that its users are not blamed too."""
    sets: dict[str, NamedSet | None] = {}
    first: dict[str, str] = {}
    for source in sources:
        root = source.root.value if source.whole else None
        listed = root.get("sets") if isinstance(root, dict) else None
        if listed is None or not isinstance(listed.value, dict):
            continue
        for name, node in listed.value.items():
            path = ("sets", name)
            if not re.fullmatch(NAME, name):
                message = f"{name!r}: a set's name is letters, digits, and _ . -"
                source.problem(message, path, of_key=True)
            _once(first, "set", name, source, source.root.place(path, of_key=True))
            before = len(source.problems)
            shape = checked(source, node, SetShape, path)
            sets[name] = None
            if shape is not None and (shape.values is not None or shape.file is not None):
                sets[name] = read_set(name, shape, source, path)
            elif len(source.problems) == before:
                source.problem("a set needs values or a file", path, of_key=True)
    return sets


def _check_rule_names(sources: list[Source]) -> None:
    first: dict[str, str] = {}
    for source in sources:
        for node, _ in _items(source, "rules"):
            name = node.value.get("name") if isinstance(node.value, dict) else None
            if name is not None and isinstance(name.value, str):
                _once(first, "rule", name.value, source, (name.line, name.column))


def _once(
    first: dict[str, str], kind: str, name: str, source: Source, place: tuple[int, int]
) -> None:
    """Refuse a name that was given before, and say where."""
    if name in first:
        source.problem_at(f"{kind} {name!r} is here twice: first at {first[name]}", *place)
    else:
        first[name] = "{}:{}:{}".format(source.name, *place)
