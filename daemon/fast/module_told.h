/* SPDX-License-Identifier: GPL-2.0 */
/* A decision of the ring as a Python tuple. */
#ifndef QV_MODULE_TOLD_H
#define QV_MODULE_TOLD_H

#include "module.h"
#include "told.h"

/* The tuple that worker/told.py reads; NULL with an exception. */
PyObject *qv_told_tuple(const struct qv_told *told);

#endif
