/* SPDX-License-Identifier: GPL-2.0 */
/* What must hold of every input; where it does not, the target ends and libFuzzer keeps the input. */
#ifndef INSIST_H
#define INSIST_H

#include <stdio.h>
#include <stdlib.h>

#define INSIST(truth, ...)                                      \
	do {                                                    \
		if (!(truth)) {                                 \
			fprintf(stderr, "wrong: " __VA_ARGS__); \
			fputc('\n', stderr);                    \
			abort();                                \
		}                                               \
	} while (0)

#endif
