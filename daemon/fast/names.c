// SPDX-License-Identifier: GPL-2.0
#include "names.h"

#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>

static struct qv_ifname ask(int fd, uint32_t index)
{
	struct ifreq request = { .ifr_ifindex = (int)index };
	struct qv_ifname name = { .length = 0 };

	if (ioctl(fd, SIOCGIFNAME, &request))
		return name;
	name.length = (uint8_t)strnlen(request.ifr_name, sizeof(request.ifr_name));
	memcpy(name.name, request.ifr_name, name.length);
	return name;
}

struct qv_ifname qv_names_get(struct qv_names *names, uint32_t index)
{
	struct qv_name_kept *kept = &names->kept[index & (QV_NAMES_KEPT - 1)];

	if (!index)
		return (struct qv_ifname){ .length = 0 };
	if (kept->batch != names->batch || kept->index != index) {
		kept->name = ask(names->fd, index);
		kept->index = index;
		kept->batch = names->batch;
	}
	return kept->name;
}
