# SPDX-License-Identifier: GPL-2.0
"""Packets: as they come (`raw`), the table of fields (`fields`), the decoded view (`view`)."""
