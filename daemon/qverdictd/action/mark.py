# SPDX-License-Identifier: GPL-2.0
"""The packet mark."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """Set the mark's bits in ``mask`` to those of ``value``, leave the others."""

    value: int
    mask: int = 0xFFFFFFFF

    def applied(self, old: int) -> int:
        """Return the new mark."""
        return old & ~self.mask | self.value & self.mask
