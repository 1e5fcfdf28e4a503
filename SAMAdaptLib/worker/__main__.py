"""``python -m SAMAdaptLib.worker``: see ``server``. Nothing heavy may load before it has pinned its threads."""

from __future__ import annotations

import logging
import os

from .server import main

if __name__ == "__main__":
    status = main()
    logging.shutdown()
    # Not sys.exit: the listener may hang in a read, and a library's last rites must not delay or crash the leaving.
    os._exit(status)
