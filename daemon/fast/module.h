/* SPDX-License-Identifier: GPL-2.0 */
/* The parts of the extension module: each adds what is its own, and returns -1 with an exception. */
#ifndef QV_MODULE_H
#define QV_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

int qv_add_cidr(PyObject *module);

#endif
