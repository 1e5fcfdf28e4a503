"""``python -m SAMAdaptLib.demo``: learn from a few annotated slices, segment the rest, say how good it is."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from ..errors import Cancelled, SAMAdaptError
from ..utils.faults import described


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo. Returns the exit status: 0 done, 2 wrong input, 3 cancelled, 1 a fault of ours."""
    options = parser().parse_args(arguments)
    try:
        from .show import Demo  # here, since it loads torch, which --help can do without

        Demo(options.output, options.data).run()
    except KeyboardInterrupt:
        fault: SAMAdaptError = Cancelled()
    except Exception as error:
        fault = described(error)
        if fault is not error and fault.exit_status == 1:
            traceback.print_exc()  # a fault of ours: whoever reports it needs to say where
    else:
        return 0
    print(f"\ndemo: {fault}", file=sys.stderr)
    return fault.exit_status


def parser() -> argparse.ArgumentParser:
    """What the demo understands."""
    result = argparse.ArgumentParser(
        prog="python3 run.py demo",
        description="Trains on a few annotated slices of one brain and segments three others; with --data, trains on "
        "one case of yours and segments up to three more. Writes a page, a picture with a view in 3D and the "
        "segmentations, and prints how well they agree with the truth, beside what one would do otherwise. Nothing is "
        "uploaded.",
    )
    result.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="your own volumes: FOLDER/images and FOLDER/labels with files of the same names; the first case is "
        "learned from, others up to three are segmented",
    )
    result.add_argument(
        "--output", type=Path, metavar="FOLDER", default=Path("demo"), help="where the results go (default: demo)"
    )
    return result


if __name__ == "__main__":
    sys.exit(main())
