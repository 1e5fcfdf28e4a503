"""What other programs and saved files rely on is as it was recorded in ``goldens/`` (see ``record_goldens.py``)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import golden_facts as facts
import pytest

import SAMAdaptLib as samadapt

LABELS_AGREE = 0.96
"""Dice between the labels of a short training here and those recorded, in 32-bit arithmetic: processors round
differently, and where heads train in bf16 0.977 was seen."""

STARTER_AGREES = 0.99
NORMS_AGREE = 0.02
"""Relative; norms below 1 by as much in absolute terms, since a bias near zero has no relative size."""


def stored(name: str) -> Any:
    """The golden of that name."""
    return json.loads((facts.FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def require_agreement(found: dict[str, Any], golden: dict[str, Any], least: float) -> None:
    """The labels ``found`` show what those recorded show, and nearly in the same voxels."""
    ours, theirs = facts.from_run_lengths(found), facts.from_run_lengths(golden)
    assert ours.shape == theirs.shape
    agreement = facts.agreement(ours, theirs)
    assert set(agreement) == {int(value) for value in golden["values"]} - {0}, "no other labels"
    assert agreement and min(agreement.values()) >= least, agreement


@pytest.fixture
def folder(tmp_path: Path, empty_home: Path) -> Path:
    """Volumes, labels and heads, and an empty SAMADAPT_HOME."""
    folder = tmp_path / "work"
    folder.mkdir()
    facts.write_inputs(folder)
    return folder


def test_the_starter_head_finds_what_it_found(mobile_sam: Any, empty_home: Path) -> None:
    require_agreement(facts.starter_labels(mobile_sam), stored("starter_head"), STARTER_AGREES)


KINDS = [pytest.param(kind, marks=pytest.mark.slow if kind in ("student", "unet") else ()) for kind in facts.STEPS]
"""Those that work on pixels take some seconds each, so they wait for --slow."""


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A SAMADAPT_HOME that the trainings below share: the features are the same for all of them."""
    with pytest.MonkeyPatch.context() as environment:
        folder = tmp_path_factory.mktemp("home")
        environment.setenv("SAMADAPT_HOME", str(folder))
        yield folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_short_training_makes_the_same_head(kind: str, shared_home: Path) -> None:
    found, golden = facts.trained(kind), stored("trainings")[kind]
    for fact in ("type", "hyper", "steps"):
        assert found[fact] == golden[fact]
    shapes = {key: tensor["shape"] for key, tensor in found["tensors"].items()}
    assert shapes == {key: tensor["shape"] for key, tensor in golden["tensors"].items()}
    norms = {key: tensor["norm"] for key, tensor in found["tensors"].items()}
    assert norms == pytest.approx(
        {key: tensor["norm"] for key, tensor in golden["tensors"].items()}, rel=NORMS_AGREE, abs=NORMS_AGREE
    )
    if kind != "autosam":  # so early it finds hardly anything: single voxels at the verge
        require_agreement(found["labels"], golden["labels"], LABELS_AGREE)


@pytest.mark.parametrize("name", ["linear", "whole"])
def test_a_head_file_is_written_byte_for_byte_as_it_was_read(name: str, tmp_path: Path) -> None:
    """``whole`` has all that a file may hold: an ensemble, both priors, a head for the ROI with a prior of its own."""
    golden = facts.FOLDER / f"{name}.samhead"
    written = samadapt.save_head(samadapt.load_head(golden), tmp_path / golden.name)
    assert Path(written).read_bytes() == golden.read_bytes()


def test_features_are_kept_under_the_same_names(folder: Path, empty_home: Path) -> None:
    found, golden = facts.cache_names(folder, empty_home), stored("cache")
    assert found["parts"] == golden["parts"]
    assert found["files"] == golden["files"]


def test_a_cache_key_is_the_hash_of_its_parts() -> None:
    golden = stored("cache")
    text = json.dumps(golden["parts"], sort_keys=True, separators=(",", ":"))
    key = hashlib.sha256(text.encode()).hexdigest()
    for level in ("neck", "picture"):
        assert f"features/{key[:2]}/{key[2:]}.{level}.npy" in golden["files"]


def test_every_json_answer_has_the_same_keys_types_and_exit_status(folder: Path, empty_home: Path) -> None:
    found, golden = facts.documents(folder), stored("documents")
    assert list(found) == list(golden)
    for name, answer in golden.items():
        assert found[name] == answer, name


def test_every_error_ends_in_the_same_exit_status() -> None:
    assert facts.statuses() == stored("statuses")


def test_the_command_line_has_the_same_options() -> None:
    found, golden = facts.options(), stored("options")
    assert list(found) == list(golden)
    for verb, options in golden.items():
        assert found[verb] == options, verb


def test_the_workers_lines_are_the_same() -> None:
    assert facts.wire_lines() == stored("wire")


def test_names_that_scenes_and_scripts_keep_are_the_same() -> None:
    found, golden = facts.slicer_names(), stored("slicer")
    assert list(found) == list(golden)
    for kind, names in golden.items():
        assert found[kind] == names, kind
