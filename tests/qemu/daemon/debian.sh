# SPDX-License-Identifier: GPL-2.0
# Run a command in the second root, which has Python and the daemon.

debian()
{
	if ! [ -e /debian/run/qverdictd-private-world ]; then
		# ip(8) makes its root's mounts slaves of others: the root must be a mount.
		mount -o bind /debian /debian
		mount -t proc proc /debian/proc
		mount -t sysfs sys /debian/sys
		mount -o bind /dev /debian/dev
		mount -t tmpfs -o mode=755 tmpfs /debian/run
		ip link set lo up
		# The tests' servers read when all was sent.
		sysctl -q -w net.core.rmem_max=67108864
		# The whole machine is the tests' own (tests/netns/enter.py).
		: >/debian/run/qverdictd-private-world
	fi
	PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 chroot /debian "$@"
}
