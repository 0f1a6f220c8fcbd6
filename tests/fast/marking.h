/* SPDX-License-Identifier: GPL-2.0 */
/* Engines for tests of the loop: all accept every IPv4 packet by one rule, which sets a mark. */
#ifndef MARKING_H
#define MARKING_H

#include <stdint.h>

#include "engine.h"

/* The engine that marks packets with @mark, and logs them if @logs; ends the program on a fault. */
struct qv_engine *marking_engine(uint32_t mark, bool logs, unsigned int lanes);

#endif
