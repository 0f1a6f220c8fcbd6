# SPDX-License-Identifier: GPL-2.0
"""The benchmark keeps its books right; what it measures is not tested, as it is not ours to fix."""
