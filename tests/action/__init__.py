# SPDX-License-Identifier: GPL-2.0
"""Tests of the rewrites, by a validator that shares no code with them."""
