# SPDX-License-Identifier: GPL-2.0
"""The policy language: what loads, what is refused and how, and what it means."""
