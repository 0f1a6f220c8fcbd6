# SPDX-License-Identifier: GPL-2.0
"""What runs on the host: fetch kernels, build the guest, boot it, judge its log."""
