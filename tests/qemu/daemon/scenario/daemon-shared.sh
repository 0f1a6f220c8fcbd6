#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
. /lib/debian.sh
debian python3.11 -m guest.shared
