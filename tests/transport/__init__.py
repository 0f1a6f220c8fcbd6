# SPDX-License-Identifier: GPL-2.0
"""What the transports owe at their edges, without a kernel."""
