# SPDX-License-Identifier: GPL-2.0
"""What the doctor makes of facts."""
