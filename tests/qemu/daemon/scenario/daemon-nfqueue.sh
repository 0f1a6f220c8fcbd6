#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Without the module: the kernel's own queue. Our module is loaded again afterwards.
. /lib/module.sh
. /lib/debian.sh
module_unload || exit 1
insmod /modules.d/nfnetlink_queue.ko || exit 1
debian python3.11 -m guest.nfqueue
code=$?
rmmod nfnetlink_queue && module_load || exit 1
exit $code
