# SPDX-License-Identifier: GPL-2.0
"""Real packets through a real kernel queue, in network namespaces of our own."""
