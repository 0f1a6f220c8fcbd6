# SPDX-License-Identifier: GPL-2.0
"""What a packet costs: qverdictd beside the least that can be done, and beside the usual way."""
