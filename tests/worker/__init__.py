# SPDX-License-Identifier: GPL-2.0
"""What stands between workers and those who look on."""
