// SPDX-License-Identifier: GPL-2.0
/* The extension module qverdictd._fast: the engine for Python. */
#include "module.h"

#include "decision.h"
#include "fields.h"
#include "program.h"

/* Python's own names of them, by their numbers. */
static const char *const verdicts[QV_VERDICTS] = {
	[QV_ACCEPT] = "accept",
	[QV_DROP] = "drop",
	[QV_REPEAT] = "repeat",
	[QV_QUEUE] = "queue",
	[QV_CONTINUE] = "continue",
};

static const char *const reasons[QV_REASONS] = {
	[QV_BY_RULE] = "rule",
	[QV_BY_DEFAULT] = "default",
	[QV_IS_MALFORMED] = "malformed",
	[QV_IS_TRUNCATED] = "truncated",
	[QV_ACTION_FAILED] = "action-failed",
	[QV_IS_UNSUPPORTED] = "unsupported",
	[QV_INTERNAL] = "internal",
	[QV_IS_QUARANTINED] = "quarantined",
};

/* Takes over @value, which may be NULL with an exception. */
static int add(PyObject *module, const char *name, PyObject *value)
{
	int error = PyModule_AddObjectRef(module, name, value);

	Py_XDECREF(value);
	return error;
}

static PyObject *strings(const char *const *texts, Py_ssize_t count)
{
	PyObject *tuple = PyTuple_New(count);

	for (Py_ssize_t i = 0; tuple && i < count; i++) {
		PyObject *text = PyUnicode_FromString(texts[i]);

		if (!text)
			Py_CLEAR(tuple);
		else
			PyTuple_SET_ITEM(tuple, i, text);
	}
	return tuple;
}

static int add_constants(PyObject *module)
{
	if (add(module, "PROGRAM_VERSION", PyLong_FromLong(QV_PROGRAM_VERSION)) ||
	    add(module, "FIELDS_FINGERPRINT", PyLong_FromUnsignedLong(QV_FIELDS_FINGERPRINT)) ||
	    add(module, "VERDICTS", strings(verdicts, QV_VERDICTS)) ||
	    add(module, "REASONS", strings(reasons, QV_REASONS)))
		return -1;
	return 0;
}

PyObject *qv_raise_fault(const struct qv_module *module, const struct qv_fault *fault)
{
	PyObject *text, *rule = NULL, *error = NULL, *raised = NULL;

	if (fault->error == ENOMEM)
		return PyErr_NoMemory();
	text = PyUnicode_DecodeUTF8(fault->text, (Py_ssize_t)strlen(fault->text), "replace");
	if (!text)
		return NULL;
	rule = fault->rule == QV_NO_RULE ? Py_NewRef(Py_None) :
					   PyLong_FromUnsignedLong(fault->rule);
	error = PyLong_FromLong(fault->error);
	raised = PyObject_CallOneArg(module->program_error, text);
	if (rule && error && raised && !PyObject_SetAttrString(raised, "text", text) &&
	    !PyObject_SetAttrString(raised, "rule", rule) &&
	    !PyObject_SetAttrString(raised, "error", error))
		PyErr_SetObject(module->program_error, raised);
	Py_DECREF(text);
	Py_XDECREF(rule);
	Py_XDECREF(error);
	Py_XDECREF(raised);
	return NULL;
}

static PyObject *verify(PyObject *module, PyObject *bytes)
{
	struct qv_program program;
	struct qv_fault fault;
	Py_buffer view;
	int error;

	if (PyObject_GetBuffer(bytes, &view, PyBUF_SIMPLE))
		return NULL;
	Py_BEGIN_ALLOW_THREADS
	error = qv_program_verify(&program, view.buf, (size_t)view.len, &fault);
	Py_END_ALLOW_THREADS
	PyBuffer_Release(&view);
	if (error)
		return qv_raise_fault(qv_module_of(module), &fault);
	Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
	{ "verify", verify, METH_O,
	  PyDoc_STR("verify($module, program, /)\n--\n\n"
		    "Check a program as an engine does before it runs it. Raises ProgramError.") },
	{ 0 },
};

static int add_program_error(PyObject *module)
{
	struct qv_module *state = qv_module_of(module);

	state->program_error = PyErr_NewExceptionWithDoc(
		"qverdictd._fast.ProgramError",
		"A program that no engine can run. `text` says why, `rule` is the index of the\n"
		"rule to blame or None, `error` EINVAL for a broken program and E2BIG for one that\n"
		"would need more memory than it may.",
		PyExc_ValueError, NULL);
	return PyModule_AddObjectRef(module, "ProgramError", state->program_error);
}

static int visit_state(PyObject *module, visitproc visit, void *arg)
{
	struct qv_module *state = qv_module_of(module);

	Py_VISIT(state->program_error);
	Py_VISIT(state->engine);
	return 0;
}

static int clear_state(PyObject *module)
{
	struct qv_module *state = qv_module_of(module);

	Py_CLEAR(state->program_error);
	Py_CLEAR(state->engine);
	qv_attributes_clear(&state->attributes);
	return 0;
}

static void free_state(void *module)
{
	clear_state(module);
}

static PyModuleDef_Slot slots[] = {
	{ Py_mod_exec, add_constants },
	{ Py_mod_exec, add_program_error },
	{ Py_mod_exec, qv_add_cidr },
	{ Py_mod_exec, qv_add_engine },
	{ Py_mod_exec, qv_add_worker },
	{ 0, NULL },
};

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "qverdictd._fast",
	.m_doc = PyDoc_STR("The compiled engine."),
	.m_size = sizeof(struct qv_module),
	.m_methods = functions,
	.m_slots = slots,
	.m_traverse = visit_state,
	.m_clear = clear_state,
	.m_free = free_state,
};

PyMODINIT_FUNC PyInit__fast(void);

PyMODINIT_FUNC PyInit__fast(void)
{
	return PyModuleDef_Init(&definition);
}
