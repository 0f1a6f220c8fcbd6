# SPDX-License-Identifier: GPL-2.0
"""What the project ships in rules/."""
