#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Every way to queue a packet, measured in one boot: ours, then nfnetlink_queue, which excludes us.
. /lib/module.sh
. /lib/expect.sh

measure()
{
	for bytes in 64 1400; do
		for burst in 1 64; do
			bench "$1" "$bytes" "$burst" $((640 / burst)) || exit 1
		done
	done
}

measure none
measure classic
measure list
measure range
step "we unload" module_unload
step "nfnetlink_queue loads" insmod "$(sed -n 's/^-\(.*nfnetlink_queue.*\)/\1/p' /modules)"
measure nfqueue
measure baseline
step "nfnetlink_queue unloads" patiently rmmod nfnetlink_queue
step "we load again" module_load
