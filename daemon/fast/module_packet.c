// SPDX-License-Identifier: GPL-2.0
/* Packets from Python: see module_packet.h. */
#include "module_packet.h"

#include "fault.h"

static const char *const attribute_names[QV_ATTRIBUTES] = {
	[QV_ATTRIBUTE_DATA] = "data",
	[QV_ATTRIBUTE_LENGTH] = "length",
	[QV_ATTRIBUTE_FAMILY] = "family",
	[QV_ATTRIBUTE_HOOK] = "hook",
	[QV_ATTRIBUTE_INDEV] = "indev",
	[QV_ATTRIBUTE_OUTDEV] = "outdev",
	[QV_ATTRIBUTE_MARK] = "mark",
	[QV_ATTRIBUTE_MAC] = "mac",
	[QV_ATTRIBUTE_UID] = "uid",
	[QV_ATTRIBUTE_GID] = "gid",
	[QV_ATTRIBUTE_PARTIAL] = "checksum_partial",
	[QV_ATTRIBUTE_GSO] = "gso",
};

int qv_attributes_intern(struct qv_attributes *attributes)
{
	for (int i = 0; i < QV_ATTRIBUTES; i++) {
		attributes->names[i] = PyUnicode_InternFromString(attribute_names[i]);
		if (!attributes->names[i])
			return -1;
	}
	return 0;
}

void qv_attributes_clear(struct qv_attributes *attributes)
{
	for (int i = 0; i < QV_ATTRIBUTES; i++)
		Py_CLEAR(attributes->names[i]);
}

/* A number of at most @most. */
static int number(PyObject *value, const char *name, uint32_t most, uint32_t *number_of)
{
	unsigned long long found = PyLong_AsUnsignedLongLong(value);

	if (found == (unsigned long long)-1 && PyErr_Occurred())
		return -1;
	if (found > most) {
		PyErr_Format(PyExc_ValueError, "%s is %llu, above %lu", name, found,
			     (unsigned long)most);
		return -1;
	}
	*number_of = (uint32_t)found;
	return 0;
}

static int required(const struct qv_attributes *attributes, PyObject *raw,
		    enum qv_attribute which, uint32_t most, uint32_t *number_of)
{
	PyObject *value = PyObject_GetAttr(raw, attributes->names[which]);
	int error;

	if (!value)
		return -1;
	error = number(value, attribute_names[which], most, number_of);
	Py_DECREF(value);
	return error;
}

/* Set @flag in @packet's flags and the number, unless it is None. */
static int optional(const struct qv_attributes *attributes, PyObject *raw,
		    enum qv_attribute which, uint32_t *number_of, struct qv_packet *packet,
		    uint8_t flag)
{
	PyObject *value = PyObject_GetAttr(raw, attributes->names[which]);
	int error = 0;

	if (!value)
		return -1;
	if (value != Py_None) {
		error = number(value, attribute_names[which], UINT32_MAX, number_of);
		packet->flags |= flag;
	}
	Py_DECREF(value);
	return error;
}

static int truth(const struct qv_attributes *attributes, PyObject *raw, enum qv_attribute which,
		 struct qv_packet *packet, uint8_t flag)
{
	PyObject *value = PyObject_GetAttr(raw, attributes->names[which]);
	int is_true;

	if (!value)
		return -1;
	is_true = PyObject_IsTrue(value);
	Py_DECREF(value);
	if (is_true > 0)
		packet->flags |= flag;
	return is_true < 0 ? -1 : 0;
}

static int hook(const struct qv_attributes *attributes, PyObject *raw, struct qv_packet *packet)
{
	PyObject *value = PyObject_GetAttr(raw, attributes->names[QV_ATTRIBUTE_HOOK]);
	uint32_t found = QV_NO_HOOK;
	int error = 0;

	if (!value)
		return -1;
	if (value != Py_None)
		error = number(value, "hook", QV_NO_HOOK - 1, &found);
	packet->hook = (uint8_t)found;
	Py_DECREF(value);
	return error;
}

static int interface(const struct qv_attributes *attributes, PyObject *raw,
		     enum qv_attribute which, struct qv_ifname *name)
{
	PyObject *value = PyObject_GetAttr(raw, attributes->names[which]);
	PyObject *encoded;
	Py_ssize_t length, kept;

	if (!value)
		return -1;
	if (value == Py_None) {
		Py_DECREF(value);
		return 0;
	}
	/* As the kernel has it: undecodable bytes are in the string as surrogates. */
	encoded = PyUnicode_EncodeFSDefault(value);
	Py_DECREF(value);
	if (!encoded)
		return -1;
	length = PyBytes_GET_SIZE(encoded);
	kept = length < QV_INTERFACE_SIZE ? length : QV_INTERFACE_SIZE - 1;
	memcpy(name->name, PyBytes_AS_STRING(encoded), (size_t)kept);
	name->length = (uint8_t)(length < QV_INTERFACE_SIZE ? length : QV_INTERFACE_SIZE);
	Py_DECREF(encoded);
	return 0;
}

static int mac(const struct qv_attributes *attributes, PyObject *raw, struct qv_packet *packet)
{
	PyObject *value = PyObject_GetAttr(raw, attributes->names[QV_ATTRIBUTE_MAC]);
	Py_ssize_t length;

	if (!value)
		return -1;
	if (value == Py_None) {
		Py_DECREF(value);
		return 0;
	}
	if (!PyBytes_Check(value)) {
		Py_DECREF(value);
		PyErr_SetString(PyExc_TypeError, "mac must be bytes or None");
		return -1;
	}
	length = PyBytes_GET_SIZE(value);
	if (length > (Py_ssize_t)sizeof(packet->mac))
		length = sizeof(packet->mac);	/* no Ethernet address either way */
	memcpy(packet->mac, PyBytes_AS_STRING(value), (size_t)length);
	packet->mac_length = (uint8_t)length;
	Py_DECREF(value);
	return 0;
}

PyObject *qv_packet_of(const struct qv_attributes *attributes, PyObject *raw,
		       struct qv_packet *packet)
{
	PyObject *data = PyObject_GetAttr(raw, attributes->names[QV_ATTRIBUTE_DATA]);
	uint32_t family;

	if (!data)
		return NULL;
	if (!PyBytes_Check(data)) {
		PyErr_SetString(PyExc_TypeError, "data must be bytes");
		goto refuse;
	}
	if (PyBytes_GET_SIZE(data) > (Py_ssize_t)UINT32_MAX) {
		PyErr_SetString(PyExc_ValueError, "data has more than 2**32 - 1 bytes");
		goto refuse;
	}
	*packet = (struct qv_packet){
		.data = (const uint8_t *)PyBytes_AS_STRING(data),
		.caplen = (uint32_t)PyBytes_GET_SIZE(data),
	};
	if (required(attributes, raw, QV_ATTRIBUTE_LENGTH, UINT32_MAX, &packet->length) ||
	    required(attributes, raw, QV_ATTRIBUTE_FAMILY, UINT32_MAX, &family) ||
	    required(attributes, raw, QV_ATTRIBUTE_MARK, UINT32_MAX, &packet->mark) ||
	    optional(attributes, raw, QV_ATTRIBUTE_UID, &packet->uid, packet, QV_PACKET_UID) ||
	    optional(attributes, raw, QV_ATTRIBUTE_GID, &packet->gid, packet, QV_PACKET_GID) ||
	    truth(attributes, raw, QV_ATTRIBUTE_PARTIAL, packet, QV_PACKET_PARTIAL) ||
	    truth(attributes, raw, QV_ATTRIBUTE_GSO, packet, QV_PACKET_GSO) ||
	    hook(attributes, raw, packet) ||
	    interface(attributes, raw, QV_ATTRIBUTE_INDEV, &packet->in) ||
	    interface(attributes, raw, QV_ATTRIBUTE_OUTDEV, &packet->out) ||
	    mac(attributes, raw, packet))
		goto refuse;
	/* No family that is judged is lost by that. */
	packet->family = family <= UINT8_MAX ? (uint8_t)family : 0;
	return data;
refuse:
	Py_DECREF(data);
	return NULL;
}

PyObject *qv_decision_tuple(const struct qv_decision *decision)
{
	PyObject *rule, *replacement = NULL, *logs = NULL;

	rule = decision->rule == QV_NO_RULE ? Py_NewRef(Py_None) :
					      PyLong_FromUnsignedLong(decision->rule);
	if (!rule)
		return NULL;
	if (decision->replaced)
		replacement = PyBytes_FromStringAndSize((const char *)decision->replacement,
							decision->replacement_length);
	else
		replacement = Py_NewRef(Py_None);
	if (!replacement)
		goto refuse;
	logs = PyTuple_New(decision->log_count);
	if (!logs)
		goto refuse;
	for (uint32_t i = 0; i < decision->log_count; i++) {
		PyObject *log = PyLong_FromUnsignedLong(decision->logs[i]);

		if (!log)
			goto refuse;
		PyTuple_SET_ITEM(logs, i, log);
	}
	return Py_BuildValue("(iiNiKNN)", decision->verdict, decision->reason, rule,
			     decision->queue, (unsigned long long)decision->mark, replacement,
			     logs);
refuse:
	Py_DECREF(rule);
	Py_XDECREF(replacement);
	Py_XDECREF(logs);
	return NULL;
}
