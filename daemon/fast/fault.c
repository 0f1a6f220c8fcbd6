// SPDX-License-Identifier: GPL-2.0
/* Faults: see fault.h. */
#include "fault.h"

#include <stdarg.h>
#include <stdio.h>

int qv_fault_set(struct qv_fault *fault, int error, uint32_t rule, const char *format, ...)
{
	va_list arguments;

	fault->error = error;
	fault->rule = rule;
	va_start(arguments, format);
	/* Cut off where it does not fit: the text is for a person, and its begin says most. */
	(void)vsnprintf(fault->text, sizeof(fault->text), format, arguments);
	va_end(arguments);
	return -error;
}
