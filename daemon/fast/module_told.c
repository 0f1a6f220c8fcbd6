// SPDX-License-Identifier: GPL-2.0
#include "module_told.h"

#include <string.h>

#include "program.h"

static PyObject *number(uint64_t value)
{
	return PyLong_FromUnsignedLongLong(value);
}

static PyObject *number_if(bool there, uint64_t value)
{
	return there ? number(value) : Py_NewRef(Py_None);
}

static PyObject *bytes(const uint8_t *data, size_t size)
{
	return PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)size);
}

static PyObject *bytes_if(bool there, const uint8_t *data, size_t size)
{
	return there ? bytes(data, size) : Py_NewRef(Py_None);
}

static PyObject *name(const struct qv_ifname *from)
{
	if (!from->length)
		return Py_NewRef(Py_None);
	return PyUnicode_DecodeUTF8(from->name, from->length, "surrogateescape");
}

static PyObject *logs(const struct qv_told *told)
{
	PyObject *rules = PyTuple_New(told->log_count);

	for (uint32_t i = 0; rules && i < told->log_count; i++) {
		uint32_t rule;
		PyObject *item;

		memcpy(&rule, qv_told_logs(told) + i * sizeof(rule), sizeof(rule));
		item = number(rule);
		if (!item)
			Py_CLEAR(rules);
		else
			PyTuple_SET_ITEM(rules, i, item);
	}
	return rules;
}

PyObject *qv_told_tuple(const struct qv_told *told)
{
	/* Each is NULL if it cannot be made; Py_BuildValue then frees the others. */
	return Py_BuildValue(
		"(NNNNNNNN" "NNNNNNNNNNNNNN)", number(told->generation), number(told->verdict),
		number(told->reason), number_if(told->rule != QV_NO_RULE, told->rule),
		number_if(told->verdict == QV_QUEUE, told->queue), number(told->mark),
		bytes_if(told->replaced, qv_told_replacement(told), told->replacement_length),
		logs(told),

		number(told->id), bytes(qv_told_packet(told), told->caplen), number(told->length),
		number(told->family), number_if(told->hook != QV_NO_HOOK, told->hook),
		name(&told->in), name(&told->out), number(told->packet_mark),
		bytes_if(told->mac_length != 0, told->mac, told->mac_length),
		number_if(told->flags & QV_PACKET_UID, told->uid),
		number_if(told->flags & QV_PACKET_GID, told->gid),
		number_if(told->flags & QV_PACKET_TIME, told->time),
		PyBool_FromLong(told->flags & QV_PACKET_PARTIAL),
		PyBool_FromLong(told->flags & QV_PACKET_GSO));
}
