// SPDX-License-Identifier: GPL-2.0
/* The extension module qverdictd._fast: the engine for Python. */
#include "module.h"

#include "fields.h"
#include "program.h"

static int add_constants(PyObject *module)
{
	if (PyModule_AddIntConstant(module, "PROGRAM_VERSION", QV_PROGRAM_VERSION))
		return -1;
	return PyModule_AddObject(module, "FIELDS_FINGERPRINT",
				  PyLong_FromUnsignedLong(QV_FIELDS_FINGERPRINT));
}

static PyModuleDef_Slot slots[] = {
	{ Py_mod_exec, add_constants },
	{ Py_mod_exec, qv_add_cidr },
	{ 0, NULL },
};

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "qverdictd._fast",
	.m_doc = PyDoc_STR("The compiled engine."),
	.m_slots = slots,
};

PyMODINIT_FUNC PyInit__fast(void);

PyMODINIT_FUNC PyInit__fast(void)
{
	return PyModuleDef_Init(&definition);
}
