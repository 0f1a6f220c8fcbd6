// SPDX-License-Identifier: GPL-2.0
/* Address sets from text, for Python: see cidr.h. */
#include "module.h"

#include "cidr.h"

/* Return the ranges as two bytes objects, of IPv4 and IPv6, sorted and merged. */
static PyObject *packed(struct qv_addresses *addresses)
{
	PyObject *v4, *v6;

	qv_addresses_merge(addresses);
	v4 = PyBytes_FromStringAndSize((const char *)addresses->ranges4,
				       (Py_ssize_t)(addresses->count4 * sizeof(struct qv_range4)));
	v6 = PyBytes_FromStringAndSize((const char *)addresses->ranges6,
				       (Py_ssize_t)(addresses->count6 * sizeof(struct qv_range6)));
	if (!v4 || !v6) {
		Py_XDECREF(v4);
		Py_XDECREF(v6);
		return NULL;
	}
	return Py_BuildValue("(NN)", v4, v6);
}

static PyObject *address_range(PyObject *module, PyObject *text)
{
	struct qv_addresses addresses = { 0 };
	PyObject *range = NULL;
	Py_ssize_t length;
	const char *bytes;
	int added;

	(void)module;
	bytes = PyUnicode_AsUTF8AndSize(text, &length);
	if (!bytes)
		return NULL;
	added = qv_addresses_add(&addresses, bytes, (size_t)length);
	if (added < 0)
		PyErr_NoMemory();
	else if (!added)
		range = Py_NewRef(Py_None);
	else if (addresses.count4)
		range = PyBytes_FromStringAndSize((const char *)addresses.ranges4,
						  sizeof(struct qv_range4));
	else
		range = PyBytes_FromStringAndSize((const char *)addresses.ranges6,
						  sizeof(struct qv_range6));
	qv_addresses_free(&addresses);
	return range;
}

static PyObject *merged_ranges(PyObject *module, PyObject *arguments)
{
	struct qv_addresses addresses = { 0 };
	PyObject *merged = NULL;
	Py_buffer v4, v6;
	size_t count4, count6;

	(void)module;
	if (!PyArg_ParseTuple(arguments, "y*y*:merged_ranges", &v4, &v6))
		return NULL;
	count4 = (size_t)v4.len / sizeof(struct qv_range4);
	count6 = (size_t)v6.len / sizeof(struct qv_range6);
	if ((size_t)v4.len % sizeof(struct qv_range4) ||
	    (size_t)v6.len % sizeof(struct qv_range6)) {
		PyErr_SetString(PyExc_ValueError, "not whole ranges");
		goto out;
	}
	if (qv_addresses_reserve(&addresses, count4, count6)) {
		PyErr_NoMemory();
		goto out;
	}
	if (count4)
		memcpy(addresses.ranges4, v4.buf, (size_t)v4.len);
	if (count6)
		memcpy(addresses.ranges6, v6.buf, (size_t)v6.len);
	addresses.count4 = count4;
	addresses.count6 = count6;
	merged = packed(&addresses);
out:
	qv_addresses_free(&addresses);
	PyBuffer_Release(&v4);
	PyBuffer_Release(&v6);
	return merged;
}

struct address_lines {
	PyObject_HEAD
	PyObject *data;		/* bytes */
	struct qv_addresses addresses;
	struct qv_lines lines;
};

static PyObject *lines_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
	static char *names[] = { "data", NULL };
	struct address_lines *self;
	PyObject *data;

	if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "S:AddressLines", names, &data))
		return NULL;
	self = (struct address_lines *)type->tp_alloc(type, 0);
	if (!self)
		return NULL;
	self->data = Py_NewRef(data);
	self->lines.data = PyBytes_AS_STRING(data);
	self->lines.size = (size_t)PyBytes_GET_SIZE(data);
	return (PyObject *)self;
}

static void lines_dealloc(PyObject *object)
{
	struct address_lines *self = (struct address_lines *)object;
	PyTypeObject *type = Py_TYPE(object);

	qv_addresses_free(&self->addresses);
	Py_CLEAR(self->data);
	type->tp_free(object);
	Py_DECREF(type);
}

static PyObject *lines_next(PyObject *object)
{
	struct address_lines *self = (struct address_lines *)object;
	struct qv_line odd;
	int found = qv_addresses_read(&self->addresses, &self->lines, &odd);

	if (found < 0)
		return PyErr_NoMemory();
	if (!found)
		return NULL;	/* the end of an iteration */
	return Py_BuildValue("(ny#)", (Py_ssize_t)self->lines.number, odd.text,
			     (Py_ssize_t)odd.length);
}

static PyObject *lines_ranges(PyObject *object, PyObject *unused)
{
	(void)unused;
	return packed(&((struct address_lines *)object)->addresses);
}

static PyMethodDef lines_methods[] = {
	{ "ranges", lines_ranges, METH_NOARGS,
	  PyDoc_STR("ranges($self, /)\n--\n\n"
		    "Return the ranges of the lines read so far, of IPv4 and of IPv6.") },
	{ 0 },
};

static PyType_Slot lines_slots[] = {
	{ Py_tp_doc, PyDoc_STR("AddressLines(data)\n--\n\n"
			       "A set file's lines: reads the plain ones, yields number and text "
			       "of the others.") },
	{ Py_tp_new, lines_new },
	{ Py_tp_dealloc, lines_dealloc },
	{ Py_tp_iter, PyObject_SelfIter },
	{ Py_tp_iternext, lines_next },
	{ Py_tp_methods, lines_methods },
	{ 0, NULL },
};

static PyType_Spec lines_spec = {
	.name = "qverdictd._fast.AddressLines",
	.basicsize = sizeof(struct address_lines),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = lines_slots,
};

static PyMethodDef functions[] = {
	{ "address_range", address_range, METH_O,
	  PyDoc_STR("address_range($module, text, /)\n--\n\n"
		    "Return an address, prefix or range packed, or None if it is not plain.") },
	{ "merged_ranges", merged_ranges, METH_VARARGS,
	  PyDoc_STR("merged_ranges($module, v4, v6, /)\n--\n\n"
		    "Return packed ranges sorted and merged.") },
	{ 0 },
};

int qv_add_cidr(PyObject *module)
{
	PyObject *type;
	int error;

	if (PyModule_AddFunctions(module, functions))
		return -1;
	type = PyType_FromModuleAndSpec(module, &lines_spec, NULL);
	if (!type)
		return -1;
	error = PyModule_AddType(module, (PyTypeObject *)type);
	Py_DECREF(type);
	return error;
}
