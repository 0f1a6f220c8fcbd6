# SPDX-License-Identifier: GPL-2.0
"""Both evaluators on the same packets: one meaning, whatever the policy and the packet."""
