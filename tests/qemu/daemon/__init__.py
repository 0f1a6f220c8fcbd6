# SPDX-License-Identifier: GPL-2.0
"""The daemon in the guest: its root image, its boot, its scenarios."""
