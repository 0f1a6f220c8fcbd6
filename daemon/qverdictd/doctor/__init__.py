# SPDX-License-Identifier: GPL-2.0
"""What breaks the way of packets to us and back: found, and its cure said."""
