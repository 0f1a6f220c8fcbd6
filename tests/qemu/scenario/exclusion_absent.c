// SPDX-License-Identifier: GPL-2.0
/* A part of exclusion.sh: what programs meet when the module is not loaded. */
#include <errno.h>
#include <sys/socket.h>

#include "cases.h"
#include "peer.h"

CASE("opening the netlink family fails, and loads nothing", BOTH)
{
	struct peer peer;

	check_eq(peer_try_open(&peer, family), EPROTONOSUPPORT);
}
