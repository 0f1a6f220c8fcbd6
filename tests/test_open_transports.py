# SPDX-License-Identifier: GPL-2.0
"""Which transport `run` takes, and what it says of it."""

import errno
from typing import Any

import pytest

from qverdictd import app
from qverdictd.control.config import Config
from qverdictd.errors import PermissionMissingError, TransportError
from qverdictd.transport.ipqueue_family import IPV4, not_loaded, refusal
from qverdictd.transport.nfqueue import NfqueueTransport


class Opened:
    """A transport of some name."""

    def __init__(self, name: str, terms: dict[str, Any]) -> None:
        self.name = name
        self.terms = terms


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> dict[str, TransportError | None]:
    """Let nothing be opened for real; return what refuses to be, and how."""
    refuses: dict[str, TransportError | None] = {"ipqueue": None, "nfqueue": None}

    def open_queues(numbers: tuple[int, ...], **terms: Any) -> list[Opened]:
        if error := refuses["ipqueue"]:
            raise error
        return [Opened("ipqueue", {"numbers": numbers, **terms})] * 2

    def open_all(numbers: tuple[int, ...], **terms: Any) -> tuple[list[Opened], list[str]]:
        if error := refuses["nfqueue"]:
            raise error
        return [Opened("nfqueue", {"numbers": (number,), **terms}) for number in numbers], []

    monkeypatch.setattr(app, "open_queues", open_queues)
    monkeypatch.setattr(NfqueueTransport, "open_all", open_all)
    return refuses


def names(config: Config) -> list[str]:
    return [transport.name for transport in app.open_transports(config)]


def test_auto_takes_the_module_and_says_so(
    kernel: dict[str, TransportError | None], capsys: pytest.CaptureFixture[str]
) -> None:
    config = Config(overflow="accept", queue_length=7, copy_range=99, linger=2)
    (first, _second) = app.open_transports(config)
    assert isinstance(first, Opened)
    assert first.name == "ipqueue"
    assert first.terms == {
        "numbers": (0,), "queue_length": 7, "copy_range": 99, "fail_open": True,
        "linger_ms": 2000, "store": None,
    }  # fmt: skip
    assert capsys.readouterr().err == (
        "qverdictd: transport auto: ipqueue, as its module is loaded\n"
    )


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        (not_loaded(), "the ip_queue module is not loaded"),
        (
            refusal(IPV4, errno.EBUSY, 4711),
            "the IPv4 queue is held by another process (portid 4711",
        ),
        (refusal(IPV4, errno.EPERM), "the ip_queue module needs CAP_NET_ADMIN"),
        (refusal(IPV4, errno.EINVAL), "the loaded ip_queue module speaks another version"),
    ],
)
def test_auto_falls_back_in_one_line_with_the_reason(
    kernel: dict[str, TransportError | None],
    capsys: pytest.CaptureFixture[str],
    reason: TransportError,
    says: str,
) -> None:
    kernel["ipqueue"] = reason
    assert names(Config()) == ["nfqueue"]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"qverdictd: transport auto: nfqueue, not ipqueue: {says}")


def test_auto_without_either_tells_both(
    kernel: dict[str, TransportError | None], capsys: pytest.CaptureFixture[str]
) -> None:
    kernel["ipqueue"] = refusal(IPV4, errno.EPERM)
    kernel["nfqueue"] = PermissionMissingError("queue 0 needs CAP_NET_ADMIN")
    with pytest.raises(PermissionMissingError, match="queue 0 needs"):
        names(Config())
    assert "not ipqueue" in capsys.readouterr().err


def test_ipqueue_that_was_asked_for_is_not_replaced(
    kernel: dict[str, TransportError | None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert names(Config(transport="ipqueue")) == ["ipqueue", "ipqueue"]
    kernel["ipqueue"] = not_loaded()
    with pytest.raises(TransportError, match="not loaded"):
        names(Config(transport="ipqueue"))
    assert capsys.readouterr().err == ""


def test_nfqueue_that_was_asked_for_is_taken_without_a_word(
    kernel: dict[str, TransportError | None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert names(Config(transport="nfqueue", queues="0-2")) == ["nfqueue"] * 3
    assert capsys.readouterr().err == ""
