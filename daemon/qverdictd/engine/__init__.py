# SPDX-License-Identifier: GPL-2.0
"""Engines: packets in, decisions out, batch by batch, behind one small interface (`base`)."""
