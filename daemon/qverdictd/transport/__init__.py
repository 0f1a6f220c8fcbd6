# SPDX-License-Identifier: GPL-2.0
"""Where packets come from and verdicts go to: one small interface (`base`), a file for each way."""
