// SPDX-License-Identifier: GPL-2.0
/* An engine as a Python object: see engine.h. */
#include "module.h"

#include <malloc.h>

#include "decision.h"
#include "engine.h"

struct engine_object {
	PyObject_HEAD
	struct qv_engine *engine;
	Py_buffer program;		/* held: the engine points into it */
	unsigned int lanes;
	bool judging;
};

enum {
	LANES_MAX = 1024,
	LARGE = 128 << 10,	/* bytes; glibc's own threshold, before it moves */
};

static PyObject *engine_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
	static char *names[] = { "program", "lanes", "memory", "cached_flows", NULL };
	const struct qv_module *module = PyType_GetModuleState(type);
	struct engine_object *self;
	struct qv_limits limits;
	struct qv_fault fault;
	long long lanes = 1, memory = 0, cached_flows = 0;
	PyObject *program;

	if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O|$LLL:Engine", names, &program,
					 &lanes, &memory, &cached_flows))
		return NULL;
	if (lanes < 1 || lanes > LANES_MAX)
		return PyErr_Format(PyExc_ValueError, "lanes must be 1 to %d", LANES_MAX);
	if (memory < 0)
		return PyErr_Format(PyExc_ValueError, "memory must not be negative");
	if (cached_flows < 0 || cached_flows > INT32_MAX || (cached_flows & (cached_flows - 1)))
		return PyErr_Format(PyExc_ValueError, "cached_flows must be a power of two, or 0");

	self = (struct engine_object *)type->tp_alloc(type, 0);
	if (!self)
		return NULL;
	if (PyObject_GetBuffer(program, &self->program, PyBUF_SIMPLE))
		goto refuse;
	/* What is verified once must stay so. */
	if (!self->program.readonly) {
		PyErr_SetString(PyExc_TypeError, "a program must be read-only, as bytes are");
		goto refuse;
	}
	limits = (struct qv_limits){ (uint64_t)memory, (uint32_t)cached_flows };
	Py_BEGIN_ALLOW_THREADS
	self->engine = qv_engine_new(self->program.buf, (size_t)self->program.len,
				     (unsigned int)lanes, &limits, &fault);
	/* Reading a large set and building from it took many times what stays. */
	(void)malloc_trim(0);
	Py_END_ALLOW_THREADS
	if (!self->engine) {
		qv_raise_fault(module, &fault);
		goto refuse;
	}
	self->lanes = (unsigned int)lanes;
	return (PyObject *)self;
refuse:
	Py_DECREF(self);
	return NULL;
}

static int engine_traverse(PyObject *object, visitproc visit, void *arg)
{
	struct engine_object *self = (struct engine_object *)object;

	Py_VISIT(Py_TYPE(object));
	Py_VISIT(self->program.obj);
	return 0;
}

static void engine_dealloc(PyObject *object)
{
	struct engine_object *self = (struct engine_object *)object;
	PyTypeObject *type = Py_TYPE(object);

	PyObject_GC_UnTrack(object);
	if (self->engine)
		qv_engine_free(self->engine);
	PyBuffer_Release(&self->program);
	type->tp_free(object);
	Py_DECREF(type);
}

struct qv_engine *qv_engine_of(const struct qv_module *module, PyObject *object)
{
	if (!Py_IS_TYPE(object, module->engine)) {
		PyErr_Format(PyExc_TypeError, "not an Engine: %R", object);
		return NULL;
	}
	return ((struct engine_object *)object)->engine;
}

static struct qv_lane *lane_of(const struct engine_object *self, unsigned int lane)
{
	if (lane >= self->lanes) {
		PyErr_Format(PyExc_IndexError, "lane %u of %u", lane, self->lanes);
		return NULL;
	}
	return qv_engine_lane(self->engine, lane);
}

/* One judgement's way back into Python. */
struct reply {
	PyObject *decisions;	/* list */
	bool failed;		/* with an exception: no more is added */
};

static void decided(void *context, const struct qv_packet *packet,
		    const struct qv_decision *decision)
{
	struct reply *reply = context;
	PyObject *tuple;

	(void)packet;
	if (reply->failed)
		return;
	tuple = qv_decision_tuple(decision);
	reply->failed = !tuple || PyList_Append(reply->decisions, tuple);
	Py_XDECREF(tuple);
}

/* Judge packets from @first on of @raws, a batch at most; returns how many, or -1. */
static Py_ssize_t judge_batch(const struct qv_attributes *attributes, struct qv_lane *lane,
			      PyObject *raws, Py_ssize_t first, uint64_t now, struct reply *reply)
{
	static const struct qv_packet none;
	struct qv_packet packets[QV_BATCH_MAX];
	PyObject *held[QV_BATCH_MAX];
	Py_ssize_t count = 0;

	while (count < QV_BATCH_MAX && first + count < PyTuple_GET_SIZE(raws)) {
		packets[count] = none;
		held[count] = qv_packet_of(attributes, PyTuple_GET_ITEM(raws, first + count),
					   &packets[count]);
		if (!held[count]) {
			reply->failed = true;
			break;
		}
		count++;
	}
	if (!reply->failed)
		qv_judge(lane, packets, (size_t)count, now, decided, reply);
	for (Py_ssize_t i = 0; i < count; i++)
		Py_DECREF(held[i]);
	return reply->failed ? -1 : count;
}

static PyObject *engine_judge(PyObject *object, PyObject *arguments, PyObject *keywords)
{
	static char *names[] = { "packets", "now", "lane", NULL };
	struct engine_object *self = (struct engine_object *)object;
	const struct qv_module *module = PyType_GetModuleState(Py_TYPE(object));
	struct reply reply = { 0 };
	unsigned long long now;
	struct qv_lane *lane;
	PyObject *raws, *packets;
	int number = 0;

	if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "OK|i:judge", names, &packets, &now,
					 &number))
		return NULL;
	lane = lane_of(self, (unsigned int)number);
	if (!lane)
		return NULL;
	/*
	 * Python's lock keeps other threads out of the lane, but for what runs when objects are made:
	 * a collection may call any code.
	 */
	if (self->judging)
		return PyErr_Format(PyExc_RuntimeError, "judge was called within judge");
	/* A tuple of our own: nothing that Python does meanwhile can shorten it. */
	raws = PySequence_Tuple(packets);
	if (!raws)
		return NULL;
	self->judging = true;
	reply.decisions = PyList_New(0);
	reply.failed = !reply.decisions;
	for (Py_ssize_t done = 0; !reply.failed && done < PyTuple_GET_SIZE(raws);) {
		Py_ssize_t count = judge_batch(&module->attributes, lane, raws, done, now, &reply);

		done += count;
	}
	self->judging = false;
	Py_DECREF(raws);
	if (reply.failed)
		Py_CLEAR(reply.decisions);
	return reply.decisions;
}

static PyObject *engine_counts(PyObject *object, PyObject *unused)
{
	struct engine_object *self = (struct engine_object *)object;
	uint32_t rules = qv_engine_program(self->engine)->rule_count;
	PyObject *counts = PyList_New(rules);

	(void)unused;
	for (uint32_t rule = 0; counts && rule < rules; rule++) {
		unsigned long long packets = 0, octets = 0, last = 0;
		PyObject *tuple;

		for (unsigned int lane = 0; lane < self->lanes; lane++) {
			const struct qv_rule_count *count =
				&qv_lane_counts(qv_engine_lane(self->engine, lane))[rule];
			uint64_t when = atomic_load_explicit(&count->last, memory_order_relaxed);

			packets += atomic_load_explicit(&count->packets, memory_order_relaxed);
			octets += atomic_load_explicit(&count->octets, memory_order_relaxed);
			if (when > last)
				last = when;
		}
		tuple = Py_BuildValue("(KKK)", packets, octets, last);
		if (!tuple)
			Py_CLEAR(counts);
		else
			PyList_SET_ITEM(counts, rule, tuple);
	}
	return counts;
}

static PyObject *engine_memory(PyObject *object, void *unused)
{
	(void)unused;
	return PyLong_FromUnsignedLongLong(
		qv_engine_memory(((struct engine_object *)object)->engine));
}

static PyObject *engine_lanes(PyObject *object, void *unused)
{
	(void)unused;
	return PyLong_FromUnsignedLong(((struct engine_object *)object)->lanes);
}

static PyMethodDef methods[] = {
	{ "judge", (PyCFunction)(void (*)(void))engine_judge, METH_VARARGS | METH_KEYWORDS,
	  PyDoc_STR("judge($self, packets, now, lane=0)\n--\n\n"
		    "Judge RawPackets at the time `now`, in nanoseconds since the epoch. Returns a\n"
		    "tuple for each: (verdict, reason, rule or None, queue, mark, replacement or\n"
		    "None, logs); verdict and reason are places in VERDICTS and REASONS, rules are\n"
		    "indexes.") },
	{ "counts", engine_counts, METH_NOARGS,
	  PyDoc_STR("counts($self, /)\n--\n\n"
		    "Return (packets, octets, last) of each rule, over all lanes; last in\n"
		    "nanoseconds since the epoch, 0 for never.") },
	{ 0 },
};

static PyGetSetDef properties[] = {
	{ "memory", engine_memory, NULL, PyDoc_STR("Bytes in use beside the program's."), NULL },
	{ "lanes", engine_lanes, NULL, PyDoc_STR("Threads that may judge at once."), NULL },
	{ 0 },
};

static PyType_Slot slots[] = {
	{ Py_tp_doc,
	  PyDoc_STR("Engine(program, *, lanes=1, memory=0, cached_flows=0)\n--\n\n"
		    "A verified program, and what was built from it to run it fast. `program` is\n"
		    "read-only bytes, `memory` how many bytes may be built from them (0: 1 GiB),\n"
		    "`cached_flows` the entries of a lane's flow cache. Raises ProgramError or\n"
		    "MemoryError; nothing is left behind then.") },
	{ Py_tp_new, engine_new },
	{ Py_tp_traverse, engine_traverse },
	{ Py_tp_dealloc, engine_dealloc },
	{ Py_tp_methods, methods },
	{ Py_tp_getset, properties },
	{ 0, NULL },
};

static PyType_Spec spec = {
	.name = "qverdictd._fast.Engine",
	.basicsize = sizeof(struct engine_object),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
	.slots = slots,
};

int qv_add_engine(PyObject *module)
{
	struct qv_module *state = qv_module_of(module);

	/*
	 * What is large goes back to the kernel when it is freed. glibc raises its threshold to the
	 * largest block that was freed, as a policy before has it; the next ones then share the heap
	 * with what stays, whose size goes up and down with each reload.
	 */
	(void)mallopt(M_MMAP_THRESHOLD, LARGE);
	if (qv_attributes_intern(&state->attributes))
		return -1;
	state->engine = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
	if (!state->engine)
		return -1;
	return PyModule_AddType(module, state->engine);
}
