/* SPDX-License-Identifier: GPL-2.0 */
/* Packets from Python: RawPacket objects as struct qv_packet, and decisions as tuples. */
#ifndef QV_MODULE_PACKET_H
#define QV_MODULE_PACKET_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "decision.h"
#include "packet.h"

/* Names of RawPacket's attributes, interned once. */
enum qv_attribute {
	QV_ATTRIBUTE_DATA,
	QV_ATTRIBUTE_LENGTH,
	QV_ATTRIBUTE_FAMILY,
	QV_ATTRIBUTE_HOOK,
	QV_ATTRIBUTE_INDEV,
	QV_ATTRIBUTE_OUTDEV,
	QV_ATTRIBUTE_MARK,
	QV_ATTRIBUTE_MAC,
	QV_ATTRIBUTE_UID,
	QV_ATTRIBUTE_GID,
	QV_ATTRIBUTE_PARTIAL,
	QV_ATTRIBUTE_GSO,
	QV_ATTRIBUTES,
};

struct qv_attributes {
	PyObject *names[QV_ATTRIBUTES];
};

int qv_attributes_intern(struct qv_attributes *attributes);
void qv_attributes_clear(struct qv_attributes *attributes);

/*
 * Fill in @packet from a RawPacket; all that a policy can see, so neither id nor time. Returns the
 * bytes object that @packet's data lies in, a new reference to be kept as long, or NULL with an
 * exception.
 */
PyObject *qv_packet_of(const struct qv_attributes *attributes, PyObject *raw,
		       struct qv_packet *packet);

/* Return (verdict, reason, rule or None, queue, mark, replacement or None, logs). */
PyObject *qv_decision_tuple(const struct qv_decision *decision);

#endif
