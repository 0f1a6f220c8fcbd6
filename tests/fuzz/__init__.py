# SPDX-License-Identifier: GPL-2.0
"""The fuzzing targets, and what feeds them. See README.md."""
