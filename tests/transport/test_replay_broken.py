# SPDX-License-Identifier: GPL-2.0
"""A capture that is cut, broken or hostile: what can be judged is, and one error says the rest."""

import struct
import subprocess
import sys
import tracemalloc
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from qverdictd.errors import CaptureError, Exit
from qverdictd.transport.replay import ReplayTransport

from .captures import (
    ARP_FRAME,
    FRAME,
    HEADERS,
    IPV4,
    IPV6,
    block,
    enhanced,
    ethernet,
    interface,
    pcap,
    pcap_header,
    section,
    simple,
)
from .replays import ACCEPT, Make, judge, written


@pytest.mark.parametrize("kind", HEADERS)
def test_a_pcap_cut_at_every_byte(make: Make, tmp_path: Path, kind: str) -> None:
    link, header4, header6, _, _ = HEADERS[kind]
    frames = [header4 + IPV4, header6 + IPV6]
    content = pcap(link, *frames)
    first = 24 + 16 + len(frames[0])
    reads = [24, 40, first, first + 16, len(content)]  # where a reader comes to rest
    for end in range(24, len(content)):
        packets, error = judge(make(content[:end]), tmp_path / "out")
        whole = int(end >= first)
        assert [raw.data for raw in packets] == [IPV4][:whole]
        assert [data for data, _ in written(tmp_path / "out")] == frames[:whole]
        if end in (24, first):
            assert error is None
        else:
            assert error is not None
            start, stop = next(pair for pair in pairwise(reads) if pair[0] <= end < pair[1])
            assert error == (
                f"{tmp_path}/in.pcap: packet {whole + 1} cannot be read: {stop - end} of "
                f"{stop - start} bytes are missing at byte {end}; {whole} before it can"
            )


def test_a_pcapng_cut_at_every_byte(make: Make, tmp_path: Path) -> None:
    blocks = [section(), interface(1), enhanced(FRAME), simple(FRAME), enhanced(FRAME)]
    content = b"".join(blocks)
    ends = [len(b"".join(blocks[:count])) for count in range(1, len(blocks) + 1)]
    for end in range(ends[0], len(content)):
        packets, error = judge(make(content[:end]), tmp_path / "out")
        whole = sum(end >= done for done in ends[2:])
        assert [raw.data for raw in packets] == [IPV4] * whole
        assert [data for data, _ in written(tmp_path / "out")] == [FRAME] * whole
        if end in ends:
            assert error is None
        else:
            assert error is not None
            assert f"in.pcap: packet {whole + 1} cannot be read: " in error
            assert "bytes are missing" in error


@pytest.mark.parametrize("content", [pcap_header(1), section()])
def test_a_file_header_cut_at_every_byte(make: Make, content: bytes) -> None:
    for end in range(len(content)):
        with pytest.raises(CaptureError, match=r"in\.pcap: (is empty|is neither|its file header)"):
            ReplayTransport.open(make(content[:end]), None)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (section() + interface(1) + enhanced(FRAME, on=1), "interface 1 was never described"),
        (section() + simple(FRAME), "interface 0 was never described"),
        (section() + interface(1) + simple(FRAME[:20], length=47), "claims 47 bytes and has 20"),
        (
            section() + interface(1) + block(6, struct.pack("<IIIII", 0, 0, 0, 99, 99) + FRAME),
            "claims 99 bytes and has 48",
        ),
        (section() + interface(1) + block(6, bytes(8)), "EPB is too small"),
        (section() + interface(1) + block(3, b""), "has 0 of 4 bytes"),
        (section() + block(1, bytes(4)), "IDB is too small"),
        (section() + struct.pack("<II", 6, 4), "Invalid block length"),
        (section() + block(5, bytes(8))[:-4] + b"\0\0\0\1", "bad blocklen"),
        (section() + struct.pack("<II", 6, 0xFFFFFFFC), "claims 4294967292 bytes"),
        (section() + section().replace(b"\1\0\0\0", b"\2\0\0\0"), "major version 2"),
        (pcap_header(1) + struct.pack("<IIII", 0, 0, 0xFFFFFFFF, 60), "claims 4294967295 bytes"),
    ],
)
def test_broken_captures_say_how(make: Make, content: bytes, text: str) -> None:
    packets, error = judge(make(content), None)
    assert packets == []
    assert error is not None
    assert text.lower() in error.lower()


def test_a_lying_length_takes_no_memory(make: Make) -> None:
    for content in (
        pcap_header(1) + struct.pack("<IIII", 0, 0, 0xFFFFFFFF, 60) + bytes(1000),
        section() + struct.pack("<II", 6, 0xFFFFFFFC) + bytes(1000),
        section() + struct.pack("<II", 0x0A0D0D0A, 0xFFFFFFFC) + section()[8:],
        section()[:4] + struct.pack("<I", 0xFFFFFFFC) + section()[8:],
    ):
        capture = make(content)
        tracemalloc.start()
        try:
            _, error = judge(capture, None)
        except CaptureError as caught:
            error = str(caught)
        assert error is not None
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
        tracemalloc.stop()


@pytest.mark.parametrize("content", [pcap(105, FRAME), pcap_header(105)])
def test_an_unknown_link_type_is_named_with_those_that_are_known(
    make: Make, content: bytes
) -> None:
    with pytest.raises(CaptureError, match=r"link type 105 is not known.* 1 \(Ethernet\)"):
        ReplayTransport.open(make(content), None)


def test_an_unknown_link_type_in_pcapng_after_what_is_known(make: Make, tmp_path: Path) -> None:
    content = section() + interface(1) + interface(147) + enhanced(FRAME) + enhanced(FRAME, on=1)
    packets, error = judge(make(content), tmp_path / "out")
    assert len(packets) == 1
    assert error is not None
    assert "in.pcap: packet 2: link type 147 is not known" in error
    assert written(tmp_path / "out") == [(FRAME, len(FRAME))]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "is empty"),
        (b"\x1f\x8b\x08\x00rest", "is compressed: decompress it first"),
        (b"version: 1\n", "is neither pcap nor pcapng"),
        (bytes(100), "is neither pcap nor pcapng"),
    ],
)
def test_what_is_no_capture(make: Make, content: bytes, text: str) -> None:
    with pytest.raises(CaptureError, match=text) as caught:
        ReplayTransport.open(make(content), None)
    assert caught.value.exit_code is Exit.DATA


def test_files_that_cannot_be_had(make: Make, tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"missing: cannot be opened: No such file"):
        ReplayTransport.open(tmp_path / "missing", None)
    with pytest.raises(CaptureError, match=r"cannot be opened: Is a directory"):
        ReplayTransport.open(tmp_path, None)
    capture = make(pcap(1, FRAME))
    with pytest.raises(CaptureError, match=r"no/out: cannot be written: No such file"):
        ReplayTransport.open(capture, tmp_path / "no" / "out")
    link = tmp_path / "link"
    link.symlink_to(capture)
    for same in (capture, link):
        with pytest.raises(CaptureError, match="is the capture itself"):
            ReplayTransport.open(capture, same)
    assert capture.read_bytes() == pcap(1, FRAME)


def test_an_unreadable_file(make: Make) -> None:
    """As a user without rights: root reads everything."""
    capture = make(pcap(1, FRAME))
    capture.parent.chmod(0o755)
    program = (
        "import os, pathlib\n"
        "from qverdictd.errors import CaptureError\n"
        "from qverdictd.transport.replay import ReplayTransport\n"
        "import qverdictd.transport.capture\n"
        "if os.geteuid() == 0: os.setresuid(65534, 65534, 65534)\n"
        "try: print(len(ReplayTransport.open(pathlib.Path('in.pcap'), None).receive()))\n"
        "except CaptureError as error: print(error)\n"
    )
    for mode, said in ((0o644, "1\n"), (0, "in.pcap: cannot be opened: Permission denied\n")):
        capture.chmod(mode)
        command = [sys.executable, "-c", program]
        done = subprocess.run(
            command, cwd=capture.parent, capture_output=True, text=True, check=True
        )
        assert done.stdout == said


def test_a_full_disk(make: Make) -> None:
    transport = ReplayTransport.open(make(pcap(1, *[FRAME] * 10)), Path("/dev/full"))
    transport.answer([(raw, ACCEPT) for raw in transport.receive()])
    with pytest.raises(CaptureError, match="/dev/full: cannot be written: No space left"):
        transport.close()


def run(program: str, content: bytes) -> subprocess.CompletedProcess[bytes]:
    """Run Python with a capture on a pipe as its standard input, and `transport` open on it."""
    start = (
        "from pathlib import Path\n"
        "from qverdictd.errors import CaptureError\n"
        "from qverdictd.transport.replay import ReplayTransport\n"
        "source = Path('/dev/stdin')\n"
    )
    command = [sys.executable, "-c", start + program]
    return subprocess.run(command, input=content, capture_output=True, check=True)


def test_a_pipe() -> None:
    count = "print(len(ReplayTransport.open(source, {}).receive()))"
    assert run(count.format("Path('/dev/null')"), pcap(1, FRAME)).stdout == b"1\n"
    assert run(count.format(None), section() + interface(1) + enhanced(FRAME)).stdout == b"1\n"
    done = run(
        "try: ReplayTransport.open(source, Path('/dev/null'))\n"
        "except CaptureError as error: print(error)",
        section() + interface(1) + enhanced(FRAME),
    )
    assert done.stdout == b"/dev/stdin: is read twice to write: save the pcapng to a file first\n"


def test_scapy_says_nothing_of_its_own() -> None:
    """It warns of broken captures on the terminal: our error is the one thing said."""
    for content in (pcap(1, FRAME)[:-1], section() + interface(1) + enhanced(FRAME, on=7)):
        done = run(
            "try: ReplayTransport.open(source, None).receive()\n"
            "except CaptureError as error: print(error)",
            content,
        )
        assert done.stdout.startswith(b"/dev/stdin: packet 1 cannot be read: ")
        assert done.stderr == b""


WHOLE = [
    pcap(1, FRAME, ARP_FRAME, ethernet(0x86DD) + IPV6),
    pcap(113, HEADERS["cooked"][1] + IPV4, order=">", nano=True),
    section() + interface(1) + enhanced(FRAME) + simple(FRAME) + section(">") + interface(0, ">"),
    section(">")
    + interface(101, ">", tsresol=0x83)
    + enhanced(IPV4, ">")
    + block(0x80000001, b"\0\0\0\1" + struct.pack(">HH", 2, 4) + b"name", ">")
    + block(10, struct.pack(">II", 0x544C534B, 3) + b"abc", ">")
    + block(2, struct.pack(">HHIIII", 0, 0, 0, 0, 33, 33) + IPV4, ">"),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    content = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(content)))
        change = draw(st.sampled_from(["set", "cut", "insert", "word"]))
        if change == "set":
            content[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
        elif change == "cut":
            del content[at : at + draw(st.integers(0, 40))]
        elif change == "insert":
            content[at:at] = draw(st.binary(max_size=40))
        else:
            word = draw(st.sampled_from([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF]))
            content[at : at + 4] = struct.pack(draw(st.sampled_from(["<I", ">I"])), word)
    return bytes(content)


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(mutated(), st.binary(max_size=200)))
@example(content=WHOLE[3])
def test_only_a_capture_error_comes_out(make: Make, tmp_path: Path, content: bytes) -> None:
    try:
        packets, error = judge(make(content), tmp_path / "out")
    except CaptureError as refused:
        packets, error = None, str(refused)
    assert error is None or error.startswith(f"{tmp_path}/in.pcap: ")
    if packets is None:
        return
    for raw in packets:
        assert len(raw.data) <= raw.length
    assert len(written(tmp_path / "out")) >= len(packets)
