/* SPDX-License-Identifier: GPL-2.0 */
/* Why a program was refused or an engine could not be made. */
#ifndef QV_FAULT_H
#define QV_FAULT_H

#include <stdint.h>

#define QV_NO_RULE UINT32_MAX

struct qv_fault {
	int error;		/* EINVAL: program broken; ENOMEM: no memory; E2BIG: over the cap */
	uint32_t rule;		/* the rule to blame, or QV_NO_RULE */
	char text[200];		/* for a person, without the rule's name */
};

/* Fill in @fault and return -@error. */
int qv_fault_set(struct qv_fault *fault, int error, uint32_t rule, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
