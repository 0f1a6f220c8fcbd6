# SPDX-License-Identifier: GPL-2.0
# Loading and unloading, for init and for the scenarios that load the module themselves.

# Load the files named on standard input, in order; a dash before one leaves it for a scenario.
modprobe_list()
{
	while read -r file; do
		case $file in
		-*) ;;
		*) insmod "$file" || echo "insmod $file failed" ;;
		esac
	done
}

module_load()
{
	insmod /ipqueue.ko
}

module_unload()
{
	rmmod "$(module_name)"
}

module_name()
{
	cat /ipqueue.name
}

module_loaded()
{
	grep -q "^$(module_name) " /proc/modules
}

# A leak is one that two scans in a row see: the first may meet a pointer in a register.
kmemleak_clean()
{
	echo scan >/sys/kernel/debug/kmemleak
	sleep 6
	echo scan >/sys/kernel/debug/kmemleak
	found=$(cat /sys/kernel/debug/kmemleak)
	echo "$found"
	[ -z "$found" ]
}
