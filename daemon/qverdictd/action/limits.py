# SPDX-License-Identifier: GPL-2.0
"""What an action may do to one packet at most."""

#: More matches of a pattern than this in one packet are not replaced: each search is linear in
#: the packet's length, but as many searches as there are matches are not.
MOST_REPLACED = 1000
