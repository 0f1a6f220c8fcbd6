# SPDX-License-Identifier: GPL-2.0
"""What the booted system runs: scenarios of the service over the module."""
