/* SPDX-License-Identifier: GPL-2.0 */
/* A listener of the tap. */
#ifndef TAP_H
#define TAP_H

#include <linux/netfilter/ipqueue.h>
#include <stdbool.h>
#include <stddef.h>

struct tap {
	int fd;
	unsigned long long next;	/* number of the record that comes next */
	unsigned long long lost;	/* records whose numbers were skipped */
	bool started;
	/* Of the datagram received last: */
	size_t count;
	unsigned char bytes[65536];
};

/* Join the group; 0 or an errno. */
int tap_try_open(struct tap *tap, int family);
void tap_open(struct tap *tap, int family);
void tap_close(struct tap *tap);
/* Receive one datagram within `ms` and check its structure; false when none came. */
bool tap_receive(struct tap *tap, int ms);
/* Record `index` of it. */
const struct ipq_tap_record *tap_record(const struct tap *tap, size_t index);
/* The next record, one a call. */
const struct ipq_tap_record *tap_next(struct tap *tap);

#endif
