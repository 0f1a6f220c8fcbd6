# SPDX-License-Identifier: GPL-2.0
"""Tests of the codecs: what goes in comes out, and nothing else does."""
