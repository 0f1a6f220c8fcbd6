# SPDX-License-Identifier: GPL-2.0
"""Both packages on a real systemd, in the emulated machine: its disk, its boot, its scenarios."""
