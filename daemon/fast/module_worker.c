// SPDX-License-Identifier: GPL-2.0
/* Workers for Python: see worker.h. A worker owns its ring. */
#include "module.h"

#include <errno.h>

#include "module_ledger.h"
#include "module_slot.h"
#include "module_told.h"
#include "worker.h"

struct worker_object {
	PyObject_HEAD
	PyObject *slot;
	struct qv_ring *ring;
	struct qv_worker *worker;
	bool running;
};

static const char *const failures[] = {
	[QV_RECEIVE_FAILED] = "receive",
	[QV_SEND_FAILED] = "send",
	[QV_VERDICTS_REFUSED] = "verdicts",
};

struct given {
	struct qv_terms terms;
	const struct qv_link_kind *kind;
	PyObject *slot;
	PyObject *ledger;	/* or None */
	unsigned short lane;
	Py_ssize_t ring_size;
	int tell_all;
};

/* Read the arguments; -1 with an exception. */
static int parse(PyObject *arguments, PyObject *keywords, struct given *given)
{
	static char *names[] = { "kind", "fd", "slot", "lane", "queue", "family", "most_verdicts",
				 "send_limit", "last_id", "seq", "missing_seq", "ring_size",
				 "tell_all", "ledger", NULL };
	struct qv_terms *terms = &given->terms;
	unsigned long long send_limit;
	PyObject *last_id;
	const char *name;

	if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "si$OHHbIKOIInpO:Worker", names, &name,
					 &terms->fd, &given->slot, &given->lane, &terms->queue,
					 &terms->family, &terms->most_verdicts, &send_limit, &last_id,
					 &terms->seq, &terms->missing_seq, &given->ring_size,
					 &given->tell_all, &given->ledger))
		return -1;
	terms->send_limit = send_limit;
	terms->last_id_known = last_id != Py_None;
	if (terms->last_id_known) {
		terms->last_id = PyLong_AsUnsignedLongLong(last_id);
		if (PyErr_Occurred())
			return -1;
	}
	if (!strcmp(name, "nfqueue")) {
		given->kind = &qv_nfqueue;
	} else if (!strcmp(name, "ipqueue")) {
		given->kind = &qv_ipqueue;
	} else {
		PyErr_Format(PyExc_ValueError, "no kind of queue: %s", name);
		return -1;
	}
	/* Any verdict must fit into an empty outbox. */
	if (terms->send_limit < UINT64_C(2) * UINT16_MAX || !terms->most_verdicts ||
	    given->ring_size <= 0) {
		PyErr_SetString(PyExc_ValueError, "a limit is too small");
		return -1;
	}
	return 0;
}

/* Whether @object is of the module's type @name; -1 with an exception. */
static int check_type(PyTypeObject *type, PyObject *object, const char *name)
{
	PyObject *wanted = PyObject_GetAttrString(PyType_GetModule(type), name);
	int right;

	if (!wanted)
		return -1;
	right = Py_IS_TYPE(object, (PyTypeObject *)wanted);
	Py_DECREF(wanted);
	if (right)
		return 0;
	PyErr_Format(PyExc_TypeError, "expected a %s", name);
	return -1;
}

static PyObject *worker_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
	struct given given = { 0 };
	struct worker_object *self;

	if (parse(arguments, keywords, &given) || check_type(type, given.slot, "Slot"))
		return NULL;
	if (given.ledger != Py_None && check_type(type, given.ledger, "Ledger"))
		return NULL;
	if (given.lane >= qv_slot_workers(given.slot))
		return PyErr_Format(PyExc_ValueError, "lane %d of %u", given.lane,
				    qv_slot_workers(given.slot));
	self = (struct worker_object *)type->tp_alloc(type, 0);
	if (!self)
		return NULL;
	self->slot = Py_NewRef(given.slot);
	self->ring = qv_ring_new((size_t)given.ring_size);
	if (!self->ring) {
		PyErr_SetFromErrno(PyExc_OSError);
		Py_DECREF(self);
		return NULL;
	}
	/* A ledger's memory stays for good; the object need not. */
	self->worker = qv_worker_new(given.kind, &given.terms, qv_slot_of(given.slot), given.lane,
				     self->ring, given.tell_all,
				     given.ledger == Py_None ? NULL : qv_ledger_of(given.ledger));
	if (!self->worker) {
		Py_DECREF(self);
		return PyErr_NoMemory();
	}
	return (PyObject *)self;
}

static void worker_dealloc(PyObject *object)
{
	struct worker_object *self = (struct worker_object *)object;
	PyTypeObject *type = Py_TYPE(object);

	qv_worker_free(self->worker);
	qv_ring_free(self->ring);
	Py_CLEAR(self->slot);
	type->tp_free(object);
	Py_DECREF(type);
}

static PyObject *worker_run(PyObject *object, PyObject *unused)
{
	struct worker_object *self = (struct worker_object *)object;
	enum qv_failure failure;
	int error = 0;

	(void)unused;
	if (self->running) {
		PyErr_SetString(PyExc_RuntimeError, "it runs already");
		return NULL;
	}
	self->running = true;
	Py_BEGIN_ALLOW_THREADS
	failure = qv_worker_run(self->worker, &error);
	Py_END_ALLOW_THREADS
	self->running = false;
	if (failure == QV_NO_FAILURE)
		Py_RETURN_NONE;
	return Py_BuildValue("(si)", failures[failure], error);
}

static PyObject *worker_stop(PyObject *object, PyObject *unused)
{
	int error = qv_worker_stop(((struct worker_object *)object)->worker);

	(void)unused;
	if (!error)
		Py_RETURN_NONE;
	errno = -error;
	return PyErr_SetFromErrno(PyExc_OSError);
}

static PyObject *worker_state(PyObject *object, PyObject *unused)
{
	struct worker_object *self = (struct worker_object *)object;
	const struct qv_link *link = qv_worker_link(self->worker);
	PyObject *last_id;

	(void)unused;
	if (self->running) {
		PyErr_SetString(PyExc_RuntimeError, "it runs");
		return NULL;
	}
	if (link->terms.last_id_known)
		last_id = PyLong_FromUnsignedLongLong(link->terms.last_id);
	else
		last_id = Py_NewRef(Py_None);
	return Py_BuildValue("(NII)", last_id, link->terms.seq, link->terms.missing_seq);
}

static PyObject *worker_acknowledged(PyObject *object, PyObject *unused)
{
	(void)unused;
	return PyLong_FromUnsignedLong(
		qv_worker_acknowledged(((struct worker_object *)object)->worker));
}

/* Names are those of Verdict, Reason and Losses in Python. */
static PyObject *worker_counters(PyObject *object, PyObject *unused)
{
	const struct qv_tally *tally = qv_worker_tally(((struct worker_object *)object)->worker);
	const struct {
		const char *name;
		const qv_count *count;
	} counts[] = {
		{ "accept", &tally->verdicts[QV_ACCEPT] },
		{ "drop", &tally->verdicts[QV_DROP] },
		{ "repeat", &tally->verdicts[QV_REPEAT] },
		{ "queue", &tally->verdicts[QV_QUEUE] },
		{ "rule", &tally->reasons[QV_BY_RULE] },
		{ "default", &tally->reasons[QV_BY_DEFAULT] },
		{ "malformed", &tally->reasons[QV_IS_MALFORMED] },
		{ "truncated", &tally->reasons[QV_IS_TRUNCATED] },
		{ "action-failed", &tally->reasons[QV_ACTION_FAILED] },
		{ "unsupported", &tally->reasons[QV_IS_UNSUPPORTED] },
		{ "internal", &tally->reasons[QV_INTERNAL] },
		{ "quarantined", &tally->reasons[QV_IS_QUARANTINED] },
		{ "replaced", &tally->replaced },
		{ "not_shown", &tally->not_shown },
		{ "id_gaps", &tally->id_gaps },
		{ "flushed", &tally->flushed },
		{ "refused", &tally->refused },
		{ "broken", &tally->broken },
		{ "batches", &tally->batches },
		/* Last, so that no verdict is seen before its packet. */
		{ "received", &tally->received },
	};
	PyObject *dictionary = PyDict_New();

	(void)unused;
	for (size_t i = 0; dictionary && i < sizeof(counts) / sizeof(counts[0]); i++) {
		PyObject *value = PyLong_FromUnsignedLongLong(qv_count_read(counts[i].count));

		if (!value || PyDict_SetItemString(dictionary, counts[i].name, value))
			Py_CLEAR(dictionary);
		Py_XDECREF(value);
	}
	return dictionary;
}

static PyObject *worker_drain(PyObject *object, PyObject *most)
{
	struct qv_ring *ring = ((struct worker_object *)object)->ring;
	const struct qv_told *told;
	Py_ssize_t left = PyLong_AsSsize_t(most);
	PyObject *list;
	size_t size;

	if (left == -1 && PyErr_Occurred())
		return NULL;
	list = PyList_New(0);
	while (list && left-- > 0 && (told = qv_ring_peek(ring, &size))) {
		PyObject *tuple = qv_told_tuple(told);

		/* What could not be made now can be made at the next call. */
		if (!tuple || PyList_Append(list, tuple))
			Py_CLEAR(list);
		else
			qv_ring_release(ring);
		Py_XDECREF(tuple);
	}
	return list;
}

static PyObject *worker_sleep(PyObject *object, PyObject *unused)
{
	(void)unused;
	return PyBool_FromLong(qv_ring_sleep(((struct worker_object *)object)->ring));
}

static PyObject *worker_wake(PyObject *object, PyObject *unused)
{
	(void)unused;
	qv_ring_wake(((struct worker_object *)object)->ring);
	Py_RETURN_NONE;
}

static PyObject *worker_fileno(PyObject *object, PyObject *unused)
{
	(void)unused;
	return PyLong_FromLong(qv_ring_fd(((struct worker_object *)object)->ring));
}

static PyMethodDef worker_methods[] = {
	{ "run", worker_run, METH_NOARGS,
	  PyDoc_STR("run($self, /)\n--\n\n"
		    "Serve until stopped; return what failed and its errno, or None.") },
	{ "stop", worker_stop, METH_NOARGS,
	  PyDoc_STR("stop($self, /)\n--\n\n"
		    "Let run() return after its batch. Raises OSError if that cannot be said.") },
	{ "state", worker_state, METH_NOARGS,
	  PyDoc_STR("state($self, /)\n--\n\n"
		    "Return where whoever goes on has to begin: the id of the packet received last or\n"
		    "None, and over ipqueue the sequence numbers of the last list of verdicts, and of\n"
		    "the last one whose missing ids were told.") },
	{ "acknowledged", worker_acknowledged, METH_NOARGS,
	  PyDoc_STR("acknowledged($self, /)\n--\n\n"
		    "Return the number of the configuration that the kernel did last, once all\n"
		    "packets that it had sent before are answered; 0 for none.") },
	{ "counters", worker_counters, METH_NOARGS,
	  PyDoc_STR("counters($self, /)\n--\n\nReturn all counters by name.") },
	{ "drain", worker_drain, METH_O,
	  PyDoc_STR("drain($self, most, /)\n--\n\n"
		    "Return the oldest decisions that wait to be shown.") },
	{ "sleep", worker_sleep, METH_NOARGS,
	  PyDoc_STR("sleep($self, /)\n--\n\n"
		    "Say that nobody drains from now on; False if decisions wait already.") },
	{ "wake", worker_wake, METH_NOARGS,
	  PyDoc_STR("wake($self, /)\n--\n\nSay that somebody drains again.") },
	{ "fileno", worker_fileno, METH_NOARGS,
	  PyDoc_STR("fileno($self, /)\n--\n\n"
		    "Return what is readable when decisions came for a sleeper.") },
	{ 0 },
};

static PyType_Slot worker_slots[] = {
	{ Py_tp_doc, PyDoc_STR("Worker(kind, fd, *, slot, lane, queue, family, most_verdicts, "
			       "send_limit, last_id, seq, missing_seq, ring_size, tell_all, "
			       "ledger)\n--\n\n"
			       "Serves one queue on the thread that runs it.") },
	{ Py_tp_new, worker_new },
	{ Py_tp_dealloc, worker_dealloc },
	{ Py_tp_methods, worker_methods },
	{ 0, NULL },
};

static PyType_Spec worker_spec = {
	.name = "qverdictd._fast.Worker",
	.basicsize = sizeof(struct worker_object),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = worker_slots,
};

static int add_type(PyObject *module, PyTypeObject *type)
{
	int error;

	if (!type)
		return -1;
	error = PyModule_AddType(module, type);
	Py_DECREF(type);
	return error;
}

int qv_add_worker(PyObject *module)
{
	if (add_type(module, qv_slot_type(module)) || add_type(module, qv_ledger_type(module)))
		return -1;
	return add_type(module,
			(PyTypeObject *)PyType_FromModuleAndSpec(module, &worker_spec, NULL));
}
