# SPDX-License-Identifier: GPL-2.0
"""Beside the packet path: configuration, counters, and what people see of decisions."""
