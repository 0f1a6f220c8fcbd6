// SPDX-License-Identifier: GPL-2.0
/* Ledgers for Python: see ledger.h. */
#include "module_ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fatal.h"

struct ledger_object {
	PyObject_HEAD
	struct qv_ledger *ledger;
};

struct qv_ledger *qv_ledger_of(PyObject *object)
{
	return ((struct ledger_object *)object)->ledger;
}

/* Whether the file is as large as a ledger, and stays so: a page that goes would be our end. */
static bool fits(int fd)
{
	struct stat status;
	int seals = fcntl(fd, F_GET_SEALS);

	return !fstat(fd, &status) && status.st_size == (off_t)sizeof(struct qv_ledger) &&
	       seals >= 0 && seals & F_SEAL_SHRINK;
}

static PyObject *ledger_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
	static char *names[] = { "descriptor", "fresh", NULL };
	struct ledger_object *self;
	int fd, fresh = 0;
	void *data;

	if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "i|$p:Ledger", names, &fd, &fresh))
		return NULL;
	if (!fits(fd)) {
		PyErr_SetString(PyExc_ValueError, "it has not the size of a ledger");
		return NULL;
	}
	data = mmap(NULL, sizeof(struct qv_ledger), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		return PyErr_SetFromErrno(PyExc_OSError);
	if (fresh) {
		memset(data, 0, sizeof(struct qv_ledger));
		qv_ledger_begin(data, 0, 0);
	}
	if (!qv_ledger_sound(data, sizeof(struct qv_ledger))) {
		munmap(data, sizeof(struct qv_ledger));
		PyErr_SetString(PyExc_ValueError, "it is no ledger of this version");
		return NULL;
	}
	self = (struct ledger_object *)type->tp_alloc(type, 0);
	if (!self) {
		munmap(data, sizeof(struct qv_ledger));
		return NULL;
	}
	/* Mapped for good from here on: workers and the handler of faults write to it. */
	self->ledger = data;
	return (PyObject *)self;
}

static void ledger_dealloc(PyObject *object)
{
	PyTypeObject *type = Py_TYPE(object);

	type->tp_free(object);
	Py_DECREF(type);
}

static PyObject *ledger_watch(PyObject *object, PyObject *unused)
{
	(void)unused;
	if (qv_fatal_watch(qv_ledger_of(object))) {
		PyErr_SetString(PyExc_OSError, "faults cannot be watched");
		return NULL;
	}
	qv_fatal_stack();
	Py_RETURN_NONE;
}

static PyObject *ledger_note(PyObject *object, PyObject *arguments, PyObject *keywords)
{
	static char *names[] = { "queue", "ids", "faults", NULL };
	struct qv_ledger *ledger = qv_ledger_of(object);
	unsigned int queue, faults = 0;
	PyObject *ids;

	if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "IO!|I:note", names, &queue,
					 &PyList_Type, &ids, &faults))
		return NULL;
	if (PyList_GET_SIZE(ids) > QV_BATCH_MAX) {
		PyErr_SetString(PyExc_ValueError, "more packets than a batch has");
		return NULL;
	}
	for (Py_ssize_t i = 0; i < PyList_GET_SIZE(ids); i++) {
		unsigned long long id = PyLong_AsUnsignedLongLong(PyList_GET_ITEM(ids, i));

		if (PyErr_Occurred())
			return NULL;
		qv_ledger_set(ledger, (unsigned int)i, id);
	}
	qv_ledger_publish(ledger, queue, faults, (unsigned int)PyList_GET_SIZE(ids));
	Py_RETURN_NONE;
}

static PyObject *ledger_strike(PyObject *object, PyObject *unused)
{
	(void)unused;
	qv_ledger_strike(qv_ledger_of(object));
	Py_RETURN_NONE;
}

static PyObject *ledger_begin(PyObject *object, PyObject *arguments)
{
	unsigned long long last_id, answered;

	if (!PyArg_ParseTuple(arguments, "KK:begin", &last_id, &answered))
		return NULL;
	qv_ledger_begin(qv_ledger_of(object), last_id, answered);
	Py_RETURN_NONE;
}

static PyObject *ledger_tell(PyObject *object, PyObject *arguments)
{
	unsigned long long queue_full, socket_full;

	if (!PyArg_ParseTuple(arguments, "KK:tell", &queue_full, &socket_full))
		return NULL;
	qv_ledger_of(object)->told_queue_full = queue_full;
	qv_ledger_of(object)->told_socket_full = socket_full;
	Py_RETURN_NONE;
}

static PyObject *ledger_left(PyObject *object, PyObject *unused)
{
	const struct qv_ledger *ledger = qv_ledger_of(object);
	uint64_t state = atomic_load(&ledger->state);
	unsigned int count = qv_ledger_count(state);
	PyObject *ids = PyList_New(count);

	(void)unused;
	for (unsigned int i = 0; ids && i < count; i++) {
		PyObject *id = PyLong_FromUnsignedLongLong(ledger->ids[i]);

		if (id)
			PyList_SET_ITEM(ids, i, id);
		else
			Py_CLEAR(ids);
	}
	if (!ids)
		return NULL;
	return Py_BuildValue("(INNIKKKK)", ledger->queue, ids,
			     PyBool_FromLong((long)atomic_load(&ledger->faulted)), ledger->faults,
			     (unsigned long long)ledger->last_id,
			     (unsigned long long)qv_ledger_answered(state),
			     (unsigned long long)ledger->told_queue_full,
			     (unsigned long long)ledger->told_socket_full);
}

static PyMethodDef ledger_methods[] = {
	{ "watch", ledger_watch, METH_NOARGS,
	  PyDoc_STR("watch($self, /)\n--\n\n"
		    "Have a fault that ends this process noted in here from now on.") },
	{ "note", (PyCFunction)(void (*)(void))ledger_note, METH_VARARGS | METH_KEYWORDS,
	  PyDoc_STR("note($self, queue, ids, faults=0)\n--\n\n"
		    "Note packets that are about to be judged, at most 256.") },
	{ "strike", ledger_strike, METH_NOARGS,
	  PyDoc_STR("strike($self, /)\n--\n\nStrike out what is noted: it is answered.") },
	{ "begin", ledger_begin, METH_VARARGS,
	  PyDoc_STR("begin($self, last_id, answered, /)\n--\n\n"
		    "Forget who is noted. The packet read last has this id, and so many packets were\n"
		    "answered until now.") },
	{ "tell", ledger_tell, METH_VARARGS,
	  PyDoc_STR("tell($self, queue_full, socket_full, /)\n--\n\n"
		    "Note how much of the kernel's two drop counters somebody was told.") },
	{ "left", ledger_left, METH_NOARGS,
	  PyDoc_STR("left($self, /)\n--\n\n"
		    "Return what its writer left: the queue, the ids noted, whether a fault ended it,\n"
		    "the faults before that, the last id noted ever, and how many packets were answered\n"
		    "until then, by all that held the queue, and what tell() was told last.") },
	{ 0 },
};

static PyType_Slot ledger_slots[] = {
	{ Py_tp_doc, PyDoc_STR("Ledger(descriptor, *, fresh=False)\n--\n\n"
			       "Who is being judged, in memory that outlives this process.") },
	{ Py_tp_new, ledger_new },
	{ Py_tp_dealloc, ledger_dealloc },
	{ Py_tp_methods, ledger_methods },
	{ 0, NULL },
};

static PyType_Spec ledger_spec = {
	.name = "qverdictd._fast.Ledger",
	.basicsize = sizeof(struct ledger_object),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = ledger_slots,
};

PyTypeObject *qv_ledger_type(PyObject *module)
{
	if (PyModule_AddIntConstant(module, "LEDGER_SIZE", (long)sizeof(struct qv_ledger)))
		return NULL;
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &ledger_spec, NULL);
}
