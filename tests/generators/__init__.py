# SPDX-License-Identifier: GPL-2.0
"""Hypothesis strategies that tests share: packets (made by scapy), policies, rewrites."""
