# SPDX-License-Identifier: GPL-2.0
"""The way into the queue: rules of our own that send packets there, made and taken away."""
