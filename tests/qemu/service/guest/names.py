# SPDX-License-Identifier: GPL-2.0
"""The scenarios, in the order in which they run: each goes on where the one before left off."""

SCENARIOS = ("boot", "verdicts", "reload", "kill", "restart", "poison", "purge", "without")
