/* SPDX-License-Identifier: GPL-2.0 */
/* Engines for tests of the loop: all accept every IPv4 packet by one rule, which sets a mark. */
#ifndef MARKING_H
#define MARKING_H

#include <stdint.h>

#include "engine.h"

/*
 * Return the engine of a @generation, which marks packets with @mark; ends the program on a fault.
 * The one of two generations before must be gone.
 */
struct qv_engine *marking_engine(uint64_t generation, uint32_t mark, unsigned int lanes);

#endif
