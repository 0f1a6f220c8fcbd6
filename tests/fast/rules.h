/* SPDX-License-Identifier: GPL-2.0 */
/* Random programs and packets, from few values, so that much matches. */
#ifndef RULES_H
#define RULES_H

#include <stddef.h>
#include <stdint.h>

#include "packet.h"
#include "program.h"

enum { RULES_MOST = 40000, NODES_MOST = 12 * RULES_MOST, LIST = 2000, PACKET = 128 };

struct rules {
	struct qv_program program;
	struct qv_rule rules[RULES_MOST];
	struct qv_node nodes[NODES_MOST];
	uint32_t children[NODES_MOST];
	struct qv_numbers numbers[LIST];
	struct qv_set sets[LIST];
	struct qv_range4 ranges4[2 * LIST];
	struct qv_range6 ranges6[2 * LIST];
	struct qv_mac macs[LIST];
	struct qv_interface interfaces[LIST];
	struct qv_string strings[1];
	uint8_t bytes[1];
	uint32_t node_count, child_count;
};

/* A number below @bound. */
size_t drawn(size_t bound);
/* Draw a program of @count rules, whose conditions nest @depth deep at most. */
void draw_rules(struct rules *rules, uint32_t count, int depth);
/* Draw a packet into @data, of PACKET bytes; it may be cut, or no packet at all. */
void draw_packet(struct qv_packet *packet, uint8_t *data);

#endif
