# SPDX-License-Identifier: GPL-2.0
"""What people see of decisions, and how the daemon is told to run."""
