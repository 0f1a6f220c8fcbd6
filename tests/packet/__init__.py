# SPDX-License-Identifier: GPL-2.0
"""Tests of the decoder, the table of fields, the checksums and the packet builder."""
