# SPDX-License-Identifier: GPL-2.0
"""qverdictd: a YAML policy decides the packets that the Linux kernel queues.

A packet's way through the package, one direction only::

    kernel - transport - packet - policy - action - transport - kernel
             bytes       view     program  edits    bytes

The control plane (`qverdictd.control`) stands beside it: it takes decisions and
counters out, and the packet path never waits for it.
"""
