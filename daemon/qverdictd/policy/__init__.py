# SPDX-License-Identifier: GPL-2.0
"""Policies: read from YAML (`load`), immutable (`model`), evaluated (`reference`)."""
