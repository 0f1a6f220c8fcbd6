# SPDX-License-Identifier: GPL-2.0
"""What runs in the guest: scenarios of the daemon, one a file."""
