/* SPDX-License-Identifier: GPL-2.0 */
/* The least client of nfnetlink_queue: to prove the harness, and to measure against. */
#ifndef NFQUEUE_H
#define NFQUEUE_H

#include <stddef.h>
#include <stdint.h>

/* Bind to queue `number`, copying whole packets, at most `maxlen` waiting; a descriptor or -errno. */
int nfqueue_open(uint16_t number, uint32_t maxlen);
/* The ids of the packets in one received buffer, at most `most`; how many. */
size_t nfqueue_ids(const unsigned char *buffer, size_t length, uint32_t *ids, size_t most);
/* Give one verdict to all packets up to and including `id` (a batch), or to `id` alone. */
void nfqueue_verdict_upto(int fd, uint16_t number, uint32_t id, uint32_t verdict);
void nfqueue_verdict(int fd, uint16_t number, uint32_t id, uint32_t verdict);

#endif
