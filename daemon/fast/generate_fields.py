# SPDX-License-Identifier: GPL-2.0
"""Write ``fields.h``, the table of fields as C, from `qverdictd.packet.fields`.

    python daemon/fast/generate_fields.py OUTPUT

Runs at build time, before anything is installed: it takes the table from the tree it lies in, and
needs the standard library only.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

sys.dont_write_bytecode = True  # the tree may be somebody else's, or read-only
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from qverdictd.action.limits import MOST_REPLACED  # noqa: E402
from qverdictd.packet.fields import (  # noqa: E402
    FIELDS,
    ICMPV6_SPACE,
    PROTO_OF,
    Field,
    Header,
    Kind,
    Layer,
    Place,
)
from qverdictd.packet.numbering import FINGERPRINT  # noqa: E402
from qverdictd.packet.raw import HOOKS  # noqa: E402

TOP = """\
/* SPDX-License-Identifier: GPL-2.0 */
/* The table of fields. Generated from packet/fields.py by generate_fields.py: do not edit. */
#ifndef QV_FIELDS_H
#define QV_FIELDS_H

#include <stdbool.h>
#include <stdint.h>
"""

TYPES = """\
/* Bits at a fixed place: @size bytes from @offset of a header, big-endian; masked, then shifted. */
struct qv_place {
	uint16_t offset;
	uint8_t size;		/* 0: this header does not have the field at a fixed place */
	uint8_t shift;		/* right, after the mask */
	uint32_t mask;		/* all ones for an address */
};

struct qv_field_info {
	const char *name;	/* as policies write it */
	uint32_t maximum;	/* 0: not a number */
	uint8_t kind;		/* enum qv_kind */
	uint8_t layer;		/* enum qv_layer */
	bool icmp_spaces;	/* numbers of ICMPv6 lie QV_ICMPV6_SPACE higher */
	bool settable;		/* a rewrite may set it */
};
"""


def constant(kind: str, name: str) -> str:
    """Return the name of a constant: ``QV_FIELD_TCP_FLAGS`` for ``tcp.flags``."""
    return f"QV_{kind}_{name.upper().replace('.', '_')}"


def enumeration(tag: str, kind: str, names: list[str], count: str) -> Iterator[str]:
    """Yield an enum of numbers from 0 on, its last constant their count."""
    yield f"enum {tag} {{"
    for name in names:
        yield f"\t{constant(kind, name)},"
    yield f"\t{count},"
    yield "};"
    yield ""


def mask_of(place: Place) -> int:
    """Return the bits of a place's number that are the field's."""
    return place.mask if place.mask is not None else (1 << 8 * min(place.size, 4)) - 1


def places(field: Field) -> Iterator[str]:
    """Yield a line for each place; a field that stands for either of two others has none."""
    for place in field.places if not field.either else ():
        if place.size:
            yield (
                f"\t[{constant('FIELD', field.name)}][{constant('HEADER', place.header.name)}] = "
                f"{{ {place.offset}, {place.size}, {place.shift}, {mask_of(place):#x} }},"
            )


def info(field: Field) -> Iterator[str]:
    """Yield the lines of what is said of a field as a whole."""
    flags = ", ".join("true" if flag else "false" for flag in (field.icmp_spaces, field.settable))
    yield f"\t[{constant('FIELD', field.name)}] = {{"
    yield f'\t\t"{field.name}", {field.maximum:#x}, {constant("KIND", field.kind.name)},'
    yield f"\t\t{constant('LAYER', field.layer.name)}, {flags},"
    yield "\t},"


def lines() -> Iterator[str]:
    """Yield the header's lines."""
    yield TOP
    yield f"#define QV_FIELDS_FINGERPRINT UINT32_C({FINGERPRINT:#010x})"
    yield ""
    yield from enumeration("qv_field", "FIELD", list(FIELDS), "QV_FIELD_COUNT")
    yield from enumeration("qv_header", "HEADER", [h.name for h in Header], "QV_HEADER_COUNT")
    yield from enumeration("qv_kind", "KIND", [kind.name for kind in Kind], "QV_KIND_COUNT")
    yield from enumeration("qv_layer", "LAYER", [layer.name for layer in Layer], "QV_LAYER_COUNT")
    yield "enum {"
    yield "\tQV_NO_HEADER = 0xff,"
    yield f"\tQV_ICMPV6_SPACE = {ICMPV6_SPACE:#x},"
    yield f"\tQV_HOOKS = {len(HOOKS)},"
    yield f"\tQV_MOST_REPLACED = {MOST_REPLACED},\t/* matches of a pattern in one packet */"
    yield "};"
    yield ""
    yield "#ifndef __cplusplus /* which has no such initializers */"
    yield ""
    yield TYPES
    yield "static const struct qv_field_info qv_fields[QV_FIELD_COUNT] = {"
    for field in FIELDS.values():
        yield from info(field)
    yield "};"
    yield ""
    yield "static const struct qv_place qv_places[QV_FIELD_COUNT][QV_HEADER_COUNT] = {"
    for field in FIELDS.values():
        yield from places(field)
    yield "};"
    yield ""
    yield "/* A transport header's IANA protocol number, and 0 for a network header. */"
    yield "static const uint8_t qv_proto_of_header[QV_HEADER_COUNT] = {"
    for header, proto in PROTO_OF.items():
        yield f"\t[{constant('HEADER', header.name)}] = {proto},"
    yield "};"
    yield ""
    yield "/* The transport header (enum qv_header) of an IANA protocol number, or QV_NO_HEADER. */"
    yield "static inline uint8_t qv_header_of_proto(uint8_t proto)"
    yield "{"
    yield "\tswitch (proto) {"
    for header, proto in PROTO_OF.items():
        yield f"\tcase {proto}:"
        yield f"\t\treturn {constant('HEADER', header.name)};"
    yield "\tdefault:"
    yield "\t\treturn QV_NO_HEADER;"
    yield "\t}"
    yield "}"
    yield ""
    yield "#endif"
    yield ""
    yield "#endif"


def main() -> None:
    """Write the file that the build asks for."""
    Path(sys.argv[1]).write_text("\n".join(lines()) + "\n")


if __name__ == "__main__":
    main()
