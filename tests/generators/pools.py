# SPDX-License-Identifier: GPL-2.0
"""Values that packets and policies are both made of, few enough to meet often."""

V4 = ("192.0.2.1", "192.0.2.77", "198.51.100.7", "203.0.113.255", "10.0.0.1", "0.0.0.0")
V6 = (
    "2001:db8::1",
    "2001:db8::77",
    "2001:db8:ffff::7",
    "fe80::1",
    "ff02::1",
    "::ffff:192.0.2.1",
)
PORTS = (0, 1, 22, 23, 53, 80, 443, 1024, 9999, 49152, 65535)
PAYLOADS = (
    b"",
    b"h",
    b"hello",
    b"say hello, hello",
    b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
    bytes(9),
    b"\xff" * 7,
    b"\xde\xad\xbe\xef",
)
NEEDLES = ("hello", "h", "lo", "GET /", "\xff", "nowhere")
HEX_NEEDLES = ("00", "dead beef", "68656c6c6f", "ff ff")
PATTERNS = ("hello", "^GET", "l+o$", "[0-9]\\.[0-9]", "(h)(.)", "(?i)HOST: ", "^$", "\\x00+")
#: The last is longer than the kernel has them, as no policy can write it.
INTERFACES = ("eth0", "eth1", "lan", "wlan0", "averylongname15", "averylongname150")
MACS = ("02:00:5e:10:00:01", "02:00:5e:10:00:02")
MARKS = (0, 1, 0x10, 0xFF, 0x80000000, 0xFFFFFFFF)
TTLS = (0, 1, 64, 255)
DSCPS = (0, 8, 10, 46, 63)
WINDOWS = (0, 1, 8192, 65535)
SIZES = (536, 1220, 1460, 65535)
IDS = (0, 1, 1000, 0xFFFFFFFE)
