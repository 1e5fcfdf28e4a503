"""The clock of benchmarks that counts work by fixed paces."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parent / "Benchmarks"))

from fixedclock import FixedClock, Paces  # noqa: E402

COMMITTED = Path(__file__).parent / "Benchmarks" / "paces-avx2.json"


def test_the_clock_goes_on_by_what_is_done_and_by_nothing_else() -> None:
    clock = FixedClock()
    work = clock.after(lambda count: count + 1, lambda count: 0.5 * count)
    assert clock.now() == 0
    assert work(4) == 5 and clock.now() == 2
    assert clock.now() == 2


def test_the_committed_paces_know_all_heads_at_all_chosen_sizes() -> None:
    from SAMAdaptLib.encoders.registry import ENTRIES
    from SAMAdaptLib.networks import HEAD_CHOICES

    paces = Paces.read(COMMITTED)
    for name in ("medsam_lite", "mobile_sam"):
        for size in ENTRIES[name].sizes:
            assert paces.slice(SimpleNamespace(name=name, input_size=size)) > 0
    kinds = [
        *((kind, neck) for kind in HEAD_CHOICES if kind != "auto" for neck in (28, 42, 56)),
        ("student", 0),
        ("unet", 0),
    ]
    for kind, neck in [*kinds, ("student", 0), ("unet", 0)]:
        assert paces.step(SimpleNamespace(type_name=kind), neck) > 0


@pytest.mark.parametrize("size", [0, 100])
def test_what_has_no_pace_is_refused(size: int) -> None:
    with pytest.raises(SystemExit, match=f"There is no pace for medsam_lite at {size}"):
        Paces.read(COMMITTED).slice(SimpleNamespace(name="medsam_lite", input_size=size))


def test_a_file_without_paces_is_refused(tmp_path: Path) -> None:
    (tmp_path / "paces.json").write_text("[1]")
    with pytest.raises(SystemExit, match="holds no paces"):
        Paces.read(tmp_path / "paces.json")


def test_a_training_takes_by_this_clock_what_its_views_and_steps_cost(tmp_path: Path, empty_home: Path) -> None:
    """Its computer here takes other times, which show nowhere."""
    from balls import write_ball

    paces = {
        "about": "a computer",
        "view": 0.5,
        "slices": {"tiny": {"448": 1.5}},
        "steps": {"linear": {"28": 0.25}},
        "priors": {"shape": 0.0, "arrangement": 0.0},
    }
    (tmp_path / "paces.json").write_text(json.dumps(paces))
    write_ball(tmp_path, "a")
    order = ["train", "--case", tmp_path / "a.nii.gz", tmp_path / "a-labels.nii.gz", "--budget", "fast", "--json"]
    order += ["--encoder", "tiny", "--input-size", "448", "--head", "linear", "-o", tmp_path / "a.samhead"]
    script = Path(__file__).parent / "Benchmarks" / "fixedclock.py"
    done = subprocess.run(
        [sys.executable, script, tmp_path / "paces.json", *order], capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    training, held_out = told["training"], told["quality"]["held_out_slices"]
    assert training["seconds"] == pytest.approx(
        2.0 * (training["views"] + held_out) + 0.25 * training["steps"], abs=0.1
    )
