# SPDX-License-Identifier: GPL-2.0
"""What is done to a packet: verdicts and decisions, marks, rewrites."""
