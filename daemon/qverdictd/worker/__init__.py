# SPDX-License-Identifier: GPL-2.0
"""Who carries packets from transports to the engine and back: one interface (`base`), two ways."""
