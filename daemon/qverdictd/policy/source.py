# SPDX-License-Identifier: GPL-2.0
"""YAML to nodes that know where they stand in their file.

PyYAML's ``compose`` recurses in C and dies on deep nesting, and walks an alias as often as it is
used. So the nodes are built here, from the parser's events, without recursion: a file of any
size or shape is loaded or refused in bounded memory and time.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, NoReturn

import yaml

from qverdictd.errors import PolicyError, Problem

#: A policy of 10,000 rules has 2 MB and 200,000 nodes.
LARGEST_FILE = 32 << 20
MOST_NODES = 1_000_000
DEEPEST = 32
#: Errors after this many are not looked for.
MOST_PROBLEMS = 100

Path = tuple[str | int, ...]
Scalar = str | int | float | bool | None


@dataclass(slots=True)
class Node:
    """A scalar, a list of nodes, or a mapping of nodes; lines and columns count from 1."""

    value: "Scalar | list[Node] | dict[str, Node]"
    line: int
    column: int
    keys: Mapping[str, tuple[int, int]] | None = None
    """Where each key stands, of a mapping that was read."""

    def plain(self) -> Any:
        """Return the value without places: scalars, lists, dicts."""
        value = self.value
        if value.__class__ is dict:
            return {key: item.plain() for key, item in value.items()}
        if value.__class__ is list:
            return [item.plain() for item in value]
        return value

    def place(self, path: Path, *, of_key: bool = False) -> tuple[int, int]:
        """Return line and column of what the path leads to, or of the last that there is."""
        node, found = self, (self.line, self.column)
        for step in path:
            value = node.value
            if isinstance(value, dict) and isinstance(step, str) and step in value:
                key = node.keys[step] if node.keys is not None else found
                node = value[step]
                last = of_key and step is path[-1]
                found = key if last else (node.line, node.column)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                node = value[step]
                found = (node.line, node.column)
            else:
                break
        return found


class Source:
    """One YAML file: its nodes, and the problems found in it so far."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.root = Node(None, 1, 1)
        self.problems: list[Problem] = []
        self.whole = False
        """Whether the document was read to its end; else what is in it cannot be judged."""
        self._unread: set[tuple[int, int]] = set()

    def problem(self, message: str, path: Path = (), *, of_key: bool = False) -> None:
        """Note a problem at a path of the document."""
        place = self.root.place(path, of_key=of_key)
        if place not in self._unread:
            self.problem_at(message, *place)

    def unread(self, message: str, line: int, column: int) -> None:
        """Note that a word could be read two ways; what it seems to be has no further problems."""
        self._unread.add((line, column))
        self.problem_at(message, line, column)

    def problem_at(self, message: str, line: int, column: int) -> None:
        """Note a problem at a place."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(self.name, line, column, message))


def read(file: FilePath, what: str = "policy") -> Source:
    """Read a YAML file.

    Returns a source whose ``problems`` say what is wrong in it, if anything is. Raises
    `PolicyError` for a file that cannot be read at all.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        why = error.strerror if isinstance(error, OSError) else error
        message = f"cannot read the {what}: {why}"
        raise PolicyError([Problem(str(file), 1, 1, message)]) from None
    return parse(data, str(file))


def parse(data: bytes, name: str) -> Source:
    """Parse a YAML document; see `read`."""
    source = Source(name)
    if len(data) > LARGEST_FILE:
        source.problem(f"larger than {LARGEST_FILE >> 20} MiB: put long lists into set files")
        return source
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        source.problem_at("not UTF-8: save the file as UTF-8", line, column)
        return source
    if found := _TAG_DIRECTIVE.search(text):
        # The parser looks each of them up in all before it: many take for ever.
        at = found.end() - len("%TAG")
        line = text.count("\n", 0, at) + 1
        source.problem_at("tags (%TAG) are not part of the language: leave it out", line, 1)
        return source
    try:
        _Builder(source).build(yaml.parse(text, Loader=yaml.CSafeLoader))
        source.whole = True
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        context = f" {error.context}" if error.context else ""
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        source.problem_at(f"broken YAML: {error.problem}{context}", line, column)
    except yaml.reader.ReaderError as error:
        at = error.position if isinstance(error.position, int) else 0
        before = text.encode()[:at].decode(errors="ignore")
        source.problem_at(
            f"broken YAML: {error.reason}", before.count("\n") + 1, len(before.split("\n")[-1]) + 1
        )
    except _RefusedError:
        pass
    return source


#: At the begin of what the parser takes for a line.
_TAG_DIRECTIVE = re.compile("(?:\\A|[\n\r\x85\u2028\u2029])\ufeff?%TAG")


class _RefusedError(Exception):
    """The document goes on, but reading it further makes no sense."""


_TaggedEvent = yaml.ScalarEvent | yaml.CollectionStartEvent


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


class _Builder:
    """Builds nodes from parser events, with an explicit stack.

    A good part of the time in which a policy is read passes here: scalars take few calls.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._open: list[_Open] = []
        """The collections that have begun and not ended, but for the innermost."""
        self._within: _Open | None = None
        """The innermost of them."""
        self._nodes = 0
        self._documents = 0
        self._words: dict[str, tuple[str | None, Scalar]] = {}
        """Of plain scalars that may not be text: what there is to say of each, and its value."""

    def build(self, events: Iterable[yaml.Event]) -> None:
        """Take the events in, one after the other."""
        for event in events:
            if event.__class__ is yaml.ScalarEvent:
                self._scalar(event)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._start(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._within = self._open.pop() if self._open else None
            elif isinstance(event, yaml.AliasEvent):
                self._refuse(event, f"aliases (*{event.anchor}) are not part of the language")
            elif isinstance(event, yaml.DocumentStartEvent):
                self._documents += 1
                if self._documents > 1:
                    self._refuse(event, "a second document (---): a file holds one")

    def _refuse(self, event: yaml.Event, message: str) -> NoReturn:
        self._source.problem_at(message, *_place(event))
        raise _RefusedError

    def _check(self, event: _TaggedEvent) -> None:
        """Refuse what the language leaves out."""
        if self._nodes > MOST_NODES:
            self._refuse(event, f"more than {MOST_NODES} values: put long lists into set files")
        if event.anchor is not None:
            message = f"anchors (&{event.anchor}) are not part of the language"
            self._source.problem_at(message, *_place(event))
        if event.tag is not None and event.tag != "!":
            message = f"tags ({event.tag}) are not part of the language: leave it out"
            self._source.problem_at(message, *_place(event))

    def _start(self, event: yaml.CollectionStartEvent) -> None:
        self._nodes += 1
        self._check(event)
        line, column = _place(event)
        within = self._within
        if within is not None:
            if len(self._open) + 1 == DEEPEST:
                self._refuse(event, f"nested deeper than {DEEPEST} levels")
            if within.expects_key:
                self._refuse(event, "a key must be a plain word")
            self._open.append(within)
        if isinstance(event, yaml.MappingStartEvent):
            keys: dict[str, tuple[int, int]] = {}
            values: dict[str, Node] = {}
            node = Node(values, line, column, keys)
            self._within = _Open(values, keys)
        else:
            items: list[Node] = []
            node = Node(items, line, column)
            self._within = _Open(items)
        self._add(node, within)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES or event.anchor is not None or event.tag is not None:
            self._check(event)
        mark, within, text = event.start_mark, self._within, event.value
        assert mark is not None
        line, column = mark.line + 1, mark.column + 1
        special = text[:1] in _BEGINS and event.implicit[0] and "/" not in text
        if within is not None and within.expects_key:
            if special or text in within.keys:
                self._check_key(within, text, special, line, column)
            within.keys[text] = (line, column)
            within.key = text
            within.expects_key = False
            return
        value: Scalar = text
        if special:
            message, value = self._word(text)
            if message is not None:
                self._source.unread(message, line, column)
        self._add(Node(value, line, column), within)

    def _word(self, text: str) -> tuple[str | None, Scalar]:
        """Return what there is to say of a plain scalar, and its value."""
        known = self._words.get(text)
        if known is None:
            message = ambiguous(text)
            known = self._words[text] = message, text if message else resolved(text)
        return known

    def _check_key(self, within: "_Open", key: str, special: bool, line: int, column: int) -> None:
        if special:
            message, _ = self._word(key)
            if key == "<<":
                message = "merge keys (<<) are not part of the language"
            if message is not None:
                self._source.unread(message, line, column)
        if key in within.keys:
            first = "{}:{}".format(*within.keys[key])
            self._source.problem_at(f"{key!r} is here twice: first at {first}", line, column)

    def _add(self, node: Node, within: "_Open | None") -> None:
        if within is None:
            self._source.root = node
        elif isinstance(within.values, list):
            within.values.append(node)
        else:
            within.values[within.key] = node
            within.expects_key = True


class _Open:
    """A collection that has begun."""

    __slots__ = ("expects_key", "key", "keys", "values")

    def __init__(
        self,
        values: list[Node] | dict[str, Node],
        keys: dict[str, tuple[int, int]] | None = None,
    ) -> None:
        self.values = values
        self.keys: dict[str, tuple[int, int]] = {} if keys is None else keys
        self.key = ""
        """The key that waits for its value."""
        self.expects_key = keys is not None


#: Characters. Longer numbers fit no field, and Python takes long to read very long ones.
_LONGEST_NUMBER = 31

#: Plain scalars of YAML 1.2's core schema (YAML 1.2.2, section 10.3.2).
_CORE: Mapping[str, re.Pattern[str]] = {
    "null": re.compile(r"null|Null|NULL|~|"),
    "bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "int": re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    "float": re.compile(
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
    ),
}
#: Those that YAML 1.1 reads as something else, or with another value (yaml.org/type/).
_READ_DIFFERENTLY = re.compile(
    r"""
      y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF     # booleans
    | [-+]?0[0-9_]+                                         # octal, or decimal with zeros
    | 0o[0-7]+                                              # octal only in 1.2
    | [-+]?0b[01_]+                                         # binary only in 1.1
    | [-+]?0x[0-9a-fA-F]*_[0-9a-fA-F_]*                     # underscores only in 1.1
    | [-+]0x[0-9a-fA-F_]+
    | [-+]?[0-9]+_[0-9_]*(\.[0-9_]*([eE][-+]?[0-9]+)?)?
    | [-+]?([0-9][0-9_]*)?\.[0-9]*_[0-9_]*([eE][-+]?[0-9]+)?
    | [-+]?[1-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?          # sixties
    | [-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]*
    | [-+]?[0-9]+[eE][-+]?[0-9]+                            # float only in 1.2
    | [-+]?([0-9]+\.[0-9]*|\.[0-9]+)[eE][0-9]+
    | [-+]\.[0-9]+([eE][-+]?[0-9]+)?                        # float, but not to every parser
    | [0-9]{4}-[0-9]{2}-[0-9]{2}                            # dates, and times of them
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]|[ \t]+)[0-9]{1,2}(:[0-9]{2}){2}(\.[0-9]*)?
      ([ \t]*(Z|[-+][0-9]{1,2}(:[0-9]{2})?))?
    | = | <<
    """,
    re.VERBOSE,
)


#: With what words of these kinds begin (the empty text is null); none of them has a slash.
_BEGINS_AMBIGUOUS = frozenset("yYnNoO=<+-.0123456789")
_BEGINS_RESOLVED = frozenset(("", *"nNtTfF~+-.0123456789"))
_BEGINS = _BEGINS_AMBIGUOUS | _BEGINS_RESOLVED


def ambiguous(text: str) -> str | None:
    """Return what to say of a plain scalar that YAML 1.1 and 1.2 read differently, else None."""
    if text[:1] not in _BEGINS_AMBIGUOUS or "/" in text:
        return None
    shown = text if len(text) <= 40 else f"{text[:37]}..."
    if _READ_DIFFERENTLY.fullmatch(text):
        return f"{shown} means different things in YAML 1.1 and 1.2: quote it"
    if len(text) > _LONGEST_NUMBER and _CORE["int"].fullmatch(text):
        return f"{shown} is longer than any number here: quote it if it is text"
    return None


def resolved(text: str) -> Scalar:
    """Return the value of a plain scalar, by YAML 1.2's core schema."""
    if text[:1] not in _BEGINS_RESOLVED or "/" in text:
        return text
    if _CORE["int"].fullmatch(text):
        return int(text, 0)
    if _CORE["null"].fullmatch(text):
        return None
    if _CORE["bool"].fullmatch(text):
        return text.lower() == "true"
    if _CORE["float"].fullmatch(text):
        # YAML writes a point before infinity and not-a-number, Python does not.
        return float(text if text[-1] in "0123456789." else text.replace(".", ""))
    return text
