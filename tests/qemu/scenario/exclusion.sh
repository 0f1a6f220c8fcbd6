#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The kernel has one queue handler: our module and nfnetlink_queue exclude each other, and say so.
. /lib/module.sh
. /lib/expect.sh

nfqueue=$(sed -n 's/^-\(.*nfnetlink_queue.*\)/\1/p' /modules)

step "nfnetlink_queue does not load beside us" refused "esource busy" insmod "$nfqueue"
step "we still queue packets" scenarios accept "an accepted packet arrives"
step "a second copy of us does not load" refused "File exists" insmod /ipqueue.ko
step "we unload" module_unload
step "no trace of us in /proc" test ! -e /proc/net/ip_queue -a ! -e /proc/net/ip6_queue
step "nor of our sysctls" test ! -e /proc/sys/net/ipv4/ip_queue_maxlen -a ! -e /proc/sys/net/ipv6/ip6_queue_maxlen
step "without us there is no such netlink family" scenarios exclusion_absent
step "nfnetlink_queue loads" insmod "$nfqueue"
step "we do not load beside it" refused "esource busy" insmod /ipqueue.ko
step "the kernel's log says why" kernel_said "ipqueue: .*nfnetlink_queue"
step "nothing of us is left" test ! -e /proc/net/ip_queue
step "nfnetlink_queue still queues packets" scenarios exclusion_nfqueue
step "nfnetlink_queue unloads" patiently rmmod nfnetlink_queue
step "we load again" module_load
step "we queue packets again" scenarios accept "an accepted packet arrives"
