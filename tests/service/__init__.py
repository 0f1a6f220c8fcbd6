# SPDX-License-Identifier: GPL-2.0
"""The packages and the unit on a real systemd: a Debian booted by systemd-nspawn."""
