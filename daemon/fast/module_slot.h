/* SPDX-License-Identifier: GPL-2.0 */
/* The engine in force as an object, for the workers that read it. */
#ifndef QV_MODULE_SLOT_H
#define QV_MODULE_SLOT_H

#include "module.h"
#include "slot.h"

PyTypeObject *qv_slot_type(PyObject *module);

/* Of a Slot object. */
struct qv_slot *qv_slot_of(PyObject *object);
unsigned int qv_slot_workers(PyObject *object);

#endif
