# SPDX-License-Identifier: GPL-2.0
"""``qverdictd attach`` and ``qverdictd detach``."""

import json
from argparse import Namespace
from collections.abc import Sequence

from qverdictd.attach.attach import (
    alone,
    attaching,
    carry_out,
    choose,
    detaching,
    rule_sets,
)
from qverdictd.attach.tool import Step
from qverdictd.attach.wanted import Wanted
from qverdictd.control.config import Config, read_config
from qverdictd.control.wiring import AttachShape
from qverdictd.errors import Exit, PermissionMissingError
from qverdictd.transport.proc import has_net_admin

#: What the command line can say instead of the configuration's ``attach:``.
KEYS = ("backend", "hooks", "family", "proto", "sport", "dport", "in_", "out", "defragment")


def attach(given: Namespace) -> Exit:
    """Make the rules that send packets to the queues, and no more than are not there yet."""
    config = read_config(given.config)
    changes = {"queues": given.queue, "overflow": given.overflow}
    config = config.model_copy(update={key: value for key, value in changes.items() if value})
    if given.configured and config.attach is None:
        return Exit.OK
    shape = _shape(config, given)
    wanted = Wanted.of(config, shape)
    among = rule_sets()
    if shape.backend == "auto" and not has_net_admin():
        raise PermissionMissingError("choosing a backend needs CAP_NET_ADMIN: name one, or be root")
    with alone():
        chosen = choose(wanted, shape.backend, among)
        steps = attaching(chosen, wanted, among)
        _finish(given, steps)
    if given.dry_run:
        return Exit.OK
    hooks = ", ".join(wanted.hooks)
    state = "attached" if steps else "already attached"
    _tell(
        given,
        f"{state}: {hooks} to queue {wanted.queues}, by {chosen.name}",
        {"attached": True, "changed": bool(steps), "backend": chosen.name, "queues": wanted.queues},
    )
    return Exit.OK


def detach(given: Namespace) -> Exit:
    """Take away the rules that `attach` made, by whichever program."""
    if given.configured:
        section = read_config(given.config).attach
        if section is None or section.on_stop != "detach":
            return Exit.OK
    with alone():
        steps = detaching(rule_sets())
        _finish(given, steps)
    if not given.dry_run:
        state = "detached" if steps else "nothing of ours was attached"
        _tell(given, state, {"attached": False, "changed": bool(steps)})
    return Exit.OK


def _shape(config: Config, given: Namespace) -> AttachShape:
    """Return the configuration's ``attach:``, with what the command line says instead."""
    section = config.attach or AttachShape()
    said = {key: getattr(given, key) for key in KEYS if getattr(given, key) is not None}
    return AttachShape.model_validate({**section.model_dump(), **said})


def _finish(given: Namespace, steps: Sequence[Step]) -> None:
    if not given.dry_run:
        carry_out(steps)
        return
    for step in steps:
        if given.json:
            print(json.dumps({"command": list(step.command), "script": step.script}))
        else:
            print(step)


def _tell(given: Namespace, text: str, record: dict[str, object]) -> None:
    print(json.dumps(record) if given.json else f"qverdictd: {text}")
