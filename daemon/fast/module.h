/* SPDX-License-Identifier: GPL-2.0 */
/* The parts of the extension module: each adds what is its own, and returns -1 with an exception. */
#ifndef QV_MODULE_H
#define QV_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "engine.h"
#include "fault.h"
#include "module_packet.h"

int qv_add_cidr(PyObject *module);
int qv_add_engine(PyObject *module);
int qv_add_worker(PyObject *module);

/* The module's state, zeroed when the first part adds to it. */
struct qv_module {
	PyObject *program_error;	/* the exception's type */
	PyTypeObject *engine;
	struct qv_attributes attributes;
};

static inline struct qv_module *qv_module_of(PyObject *module)
{
	return PyModule_GetState(module);
}

/* Raise why a program was refused or no engine made: ProgramError, or MemoryError. Returns NULL. */
PyObject *qv_raise_fault(const struct qv_module *module, const struct qv_fault *fault);

/* The engine in an Engine object, valid as long as that; NULL with TypeError for another object. */
struct qv_engine *qv_engine_of(const struct qv_module *module, PyObject *object);

#endif
