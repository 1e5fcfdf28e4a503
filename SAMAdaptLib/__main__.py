"""``python -m SAMAdaptLib``: the command line."""

from __future__ import annotations

import sys


def run() -> int:
    """The exit status of the command that the process was started with; that of a cancel for a Ctrl-C at any time."""
    import contextlib
    import os
    import signal

    try:
        from .cli import main

        return main()
    except KeyboardInterrupt:  # before main could take care of it, or after
        with contextlib.suppress(OSError):
            os.write(2, b"cancelled: Stopped at once; nothing unfinished was written.\n")
        return 3
    finally:
        # Where an interrupt went through an exec() of some library, Python would end itself by the signal after all and
        # the status would be lost; another exec makes it forget that.
        exec("")
        # What is left is to leave; Python would tell of an interrupt while it does.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(run())
