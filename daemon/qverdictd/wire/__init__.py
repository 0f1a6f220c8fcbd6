# SPDX-License-Identifier: GPL-2.0
"""Codecs between bytes and typed messages: no socket, no clock, no logging (sans-IO).

Every message goes both ways, so that what is encoded can be decoded again. Nothing here knows
anything of ours but the error that says "the other side broke the protocol".
"""
