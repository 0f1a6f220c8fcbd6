# SPDX-License-Identifier: GPL-2.0
"""The compiled engine as Python sees it."""
