"""Records anew what ``test_golden.py`` compares with, into ``Testing/goldens/``:

    python Testing/record_goldens.py            all of them
    python Testing/record_goldens.py options    those of these names

Do so only when behaviour is meant to change, and say in the commit what changed and why. The two .samhead files are
read and written again: their tensors and cards were made once. Labels of the starter head need MobileSAM's weights.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent)]

import golden_facts as facts  # noqa: E402


def main(names: list[str]) -> int:
    """Record the goldens of these names, or all."""
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        facts.write_inputs(work)
        recorders: dict[str, Callable[[], Any]] = {
            "starter_head": _starter_labels,
            "cache": lambda: facts.cache_names(work, _empty_home(work / "home")),
            "documents": lambda: facts.documents(work),
            "trainings": lambda: {kind: facts.trained(kind) for kind in facts.STEPS},
            "options": facts.options,
            "slicer": facts.slicer_names,
            "statuses": facts.statuses,
            "wire": facts.wire_lines,
        }
        for name in names or recorders:
            write(name, recorders[name]())
        for path in facts.FOLDER.glob("*.samhead") if not names else ():
            facts.samadapt.save_head(facts.samadapt.load_head(path), path)
    return 0


def write(name: str, found: Any) -> None:
    """Write ``goldens/NAME.json``: a line for each entry, so that a change of one shows as one."""
    text = "".join(f"\n{json.dumps(key)}: {json.dumps(found[key])}," for key in found)
    (facts.FOLDER / f"{name}.json").write_text(f"{{{text[:-1]}\n}}\n", encoding="utf-8")


def _empty_home(folder: Path) -> Path:
    os.environ["SAMADAPT_HOME"] = str(folder)
    return folder


def _starter_labels() -> Any:
    """With the weights of the usual home, in full precision, computed by torch."""
    from SAMAdaptLib.encoders import load_encoder

    os.environ |= {"SAMADAPT_RUNTIME": "torch", "SAMADAPT_PRECISION": "fp32"}
    encoder = load_encoder("mobile_sam", device="cpu")
    _empty_home(Path(tempfile.mkdtemp()))
    return facts.starter_labels(encoder)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
