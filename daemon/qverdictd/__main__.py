# SPDX-License-Identifier: GPL-2.0
"""The command ``qverdictd``: loads the program, or says why it cannot be loaded."""

import sys

from qverdictd.errors import Exit


def main() -> int:
    """Run a command; return its exit code."""
    try:
        from qverdictd.cli import main as command
    except ImportError as error:  # the compiled engine is missing, or a package that we need
        print(
            f"qverdictd: {error}: it is not installed completely; install it again (apt-get "
            "install --reinstall qverdictd, make install, or make ready in a clone)",
            file=sys.stderr,
        )
        return Exit.UNAVAILABLE
    return command()


if __name__ == "__main__":
    sys.exit(main())
