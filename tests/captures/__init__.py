# SPDX-License-Identifier: GPL-2.0
"""Captures that ship with the project, and what they are made by."""
