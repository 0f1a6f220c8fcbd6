/* SPDX-License-Identifier: GPL-2.0 */
/* What other parts of the module need of a Ledger object. */
#ifndef QV_MODULE_LEDGER_H
#define QV_MODULE_LEDGER_H

#include "module.h"

#include "ledger.h"

/* Return the ledger's type, new; NULL with an exception. */
PyTypeObject *qv_ledger_type(PyObject *module);

/* The ledger of an object of that type, valid as long as the process. */
struct qv_ledger *qv_ledger_of(PyObject *object);

#endif
