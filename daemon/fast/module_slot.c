// SPDX-License-Identifier: GPL-2.0
/* The engine in force, for Python: see slot.h. */
#include "module_slot.h"

struct slot_object {
	PyObject_HEAD
	PyObject *engine;	/* whose engine the slot has */
	struct qv_slot *slot;
	unsigned int workers;
	bool swapping;		/* swap() has let go of the interpreter's lock */
};

struct qv_slot *qv_slot_of(PyObject *object)
{
	return ((struct slot_object *)object)->slot;
}

unsigned int qv_slot_workers(PyObject *object)
{
	return ((struct slot_object *)object)->workers;
}

/* The engine in @object if it has a lane for each worker; NULL with an exception else. */
static struct qv_engine *engine_for(PyTypeObject *type, PyObject *object, unsigned int workers)
{
	struct qv_engine *engine = qv_engine_of(PyType_GetModuleState(type), object);
	PyObject *attribute;
	unsigned long lanes;

	if (!engine)
		return NULL;
	attribute = PyObject_GetAttrString(object, "lanes");
	if (!attribute)
		return NULL;
	lanes = PyLong_AsUnsignedLong(attribute);
	Py_DECREF(attribute);
	if (lanes < workers) {
		PyErr_Format(PyExc_ValueError, "%u workers, and %lu lanes", workers, lanes);
		return NULL;
	}
	return engine;
}

static PyObject *slot_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
	static char *names[] = { "engine", "workers", NULL };
	struct slot_object *self;
	struct qv_engine *engine;
	PyObject *object;
	unsigned short workers;

	if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "OH:Slot", names, &object, &workers))
		return NULL;
	engine = engine_for(type, object, workers);
	if (!engine)
		return NULL;
	self = (struct slot_object *)type->tp_alloc(type, 0);
	if (!self)
		return NULL;
	self->slot = qv_slot_new(engine, workers);
	if (!self->slot) {
		Py_DECREF(self);
		return PyErr_NoMemory();
	}
	self->workers = workers;
	self->engine = Py_NewRef(object);
	return (PyObject *)self;
}

static void slot_dealloc(PyObject *object)
{
	struct slot_object *self = (struct slot_object *)object;
	PyTypeObject *type = Py_TYPE(object);

	qv_slot_free(self->slot);
	Py_CLEAR(self->engine);
	type->tp_free(object);
	Py_DECREF(type);
}

static PyObject *slot_swap(PyObject *object, PyObject *next)
{
	struct slot_object *self = (struct slot_object *)object;
	struct qv_engine *engine = engine_for(Py_TYPE(object), next, self->workers);
	PyObject *before;
	int error;

	if (!engine)
		return NULL;
	if (self->swapping) {
		PyErr_SetString(PyExc_RuntimeError, "another thread swaps");
		return NULL;
	}
	self->swapping = true;
	Py_INCREF(next);
	Py_BEGIN_ALLOW_THREADS
	error = qv_slot_swap(self->slot, engine);
	Py_END_ALLOW_THREADS
	self->swapping = false;
	if (error) {
		Py_DECREF(next);
		return PyErr_NoMemory();
	}
	before = self->engine;
	self->engine = next;
	return before;
}

static PyObject *slot_engine(PyObject *object, void *unused)
{
	(void)unused;
	return Py_NewRef(((struct slot_object *)object)->engine);
}

static PyObject *slot_generation(PyObject *object, void *unused)
{
	(void)unused;
	return PyLong_FromUnsignedLongLong(
		qv_slot_generation(((struct slot_object *)object)->slot));
}

static PyMethodDef slot_methods[] = {
	{ "swap", slot_swap, METH_O,
	  PyDoc_STR("swap($self, engine, /)\n--\n\n"
		    "Put another engine in force; return the one before, which no worker uses now.") },
	{ 0 },
};

static PyGetSetDef slot_attributes[] = {
	{ .name = "engine", .get = slot_engine, .doc = PyDoc_STR("The engine in force.") },
	{ .name = "generation", .get = slot_generation,
	  .doc = PyDoc_STR("Counts the engines that were in force, from 1.") },
	{ 0 },
};

static PyType_Slot slot_slots[] = {
	{ Py_tp_doc, PyDoc_STR("Slot(engine, workers)\n--\n\n"
			       "The engine in force, for a number of workers.") },
	{ Py_tp_new, slot_new },
	{ Py_tp_dealloc, slot_dealloc },
	{ Py_tp_methods, slot_methods },
	{ Py_tp_getset, slot_attributes },
	{ 0, NULL },
};

static PyType_Spec slot_spec = {
	.name = "qverdictd._fast.Slot",
	.basicsize = sizeof(struct slot_object),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = slot_slots,
};

PyTypeObject *qv_slot_type(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &slot_spec, NULL);
}
