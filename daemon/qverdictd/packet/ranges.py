# SPDX-License-Identifier: GPL-2.0
"""Address ranges, packed: what the compiled part of the package does for policies with them.

An IPv4 range is two 32-bit numbers in the machine's byte order, the lowest and the highest
address; an IPv6 range is two addresses of 16 bytes. So the engine has them too, and so a set of a
million takes no more memory than its ranges.
"""

from qverdictd._fast import AddressLines, address_range, merged_ranges

__all__ = ["RANGE4_SIZE", "RANGE6_SIZE", "AddressLines", "address_range", "merged_ranges"]

RANGE4_SIZE = 8
RANGE6_SIZE = 32
