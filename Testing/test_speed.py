"""The speed benchmark itself: what its table says, how it times, and its parts with the tiny encoder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from benchthings import the_command
from methods import change_method

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def speed() -> ModuleType:
    return the_command("speed")


def test_a_row_says_whether_the_aim_was_reached(speed: ModuleType) -> None:
    from speedparts.common import Row, faster

    rows = [
        faster("encoder", "a slice", "the old way", 3.0, 1.5, 1.8),
        faster("encoder", "another", "the old way", 3.0, 2.0, 1.8),
        Row("encoder", "on a GPU", "skipped: none here", None, None, "s"),
    ]
    lines = speed.table(rows).splitlines()[2:]
    assert lines[0] == "| encoder | a slice | the old way | 3 s | 1.500 s | 2.00x | at least 1.8x | yes |"
    assert lines[1].endswith("| 3 s | 2 s | 1.50x | at least 1.8x | **no** |")
    assert lines[2] == "| encoder | on a GPU | skipped: none here |  |  |  |  |  |"


def test_what_is_run_in_turns_has_its_least_time_and_the_first_round_does_not_count(speed: ModuleType) -> None:
    from speedparts.common import alternating

    naps = {"short": iter([0.2, 0.002, 0.05]), "long": iter([0.001, 0.08, 0.06])}
    order: list[str] = []

    def nap(name: str) -> None:
        order.append(name)
        time.sleep(next(naps[name]))

    found = alternating({name: (lambda name=name: nap(name)) for name in naps}, rounds=2)
    assert order == ["short", "long"] * 3
    assert found["short"] < found["long"]
    assert found["long"] >= 0.06


def test_a_phantom_holds_all_of_its_structures(speed: ModuleType) -> None:
    from speedparts.common import phantom

    for count in (1, 2, 10, 100):
        assert phantom(1, count).labelmap.values() == tuple(range(1, count + 1))


def test_nothing_is_encoded_twice_and_the_rows_of_other_parts_are_kept(
    speed: ModuleType, tmp_path: Path, empty_home: Path
) -> None:
    earlier = {"part": "click", "what": "w", "baseline": "b", "baseline_value": 2.0, "value": 1.0, "unit": "s"}
    output = tmp_path / "folder" / "speed"
    output.parent.mkdir()
    output.with_suffix(".json").write_text(json.dumps({"rows": {"click": [earlier]}, "curves": {}}))
    assert speed.main(["-o", str(output), "--only", "reuse", "--encoder", "tiny", "--quick"]) == 0
    found = json.loads(output.with_suffix(".json").read_text())["rows"]
    reached = {row["what"]: row["met"] for row in found["reuse"]}
    counted = [what for what in reached if "encoded" in what]
    assert len(counted) == 3 and all(reached[what] for what in counted)
    assert "| click | w | b | 2 s | 1 s |" in output.with_suffix(".md").read_text()


def test_an_unknown_part_is_refused_with_those_that_exist(speed: ModuleType, tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit):
        speed.main(["-o", str(tmp_path / "s"), "--only", "encoder,flight"])
    assert "no such part: flight; there are users, encoder, gpu, precision" in capsys.readouterr().err


@pytest.mark.slow
def test_ours_and_the_papers_loop_learn_from_the_same_volume(
    speed: ModuleType, tmp_path: Path, empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from speedparts.common import phantom

    from SAMAdaptLib.data.io.volumes import write_labelmap, write_volume

    change_method(monkeypatch, fits=dict.fromkeys(("cnn", "autosam"), {"steps": 20}))
    case = phantom(6, side=64)
    for folder, write, content in (("images", write_volume, case.volume), ("labels", write_labelmap, case.labelmap)):
        (tmp_path / "acdc" / folder).mkdir(parents=True)
        write(content, tmp_path / "acdc" / folder / "patient061_frame01.nii.gz")
    output = tmp_path / "speed"
    asked = ["-o", str(output), "--only", "training", "--encoder", "tiny", "--quick", "--data", str(tmp_path)]
    assert speed.main(asked) == 0
    content = json.loads(output.with_suffix(".json").read_text())
    assert {row["what"].split()[0] for row in content["rows"]["training"]} == {"cnn", "autosam"}
    assert {"training paper", "training cnn", "training autosam"} <= set(content["curves"])


def test_how_cost_grows_is_measured_along_every_axis(speed: ModuleType, tmp_path: Path, empty_home: Path) -> None:
    output = tmp_path / "speed"
    assert speed.main(["-o", str(output), "--only", "growth", "--encoder", "tiny", "--quick"]) == 0
    curves = json.loads(output.with_suffix(".json").read_text())["curves"]
    assert set(curves) == {"slices of a volume", "structures", "views a slice", "volumes"}
    assert all(len(curve["x"]) == len(curve["seconds"]) == 2 for curve in curves.values())


def test_a_poorer_processor_is_imitated_in_a_child_that_says_what_it_uses(
    speed: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from speedparts import isa

    seen: list[Any] = []

    def run(command: list[str], env: dict[str, str], check: bool) -> Any:
        seen.append((command, env))
        return SimpleNamespace(returncode=7)

    monkeypatch.setattr(isa.subprocess, "run", run)
    output = ["-o", str(tmp_path / "s"), "--isa", "avx2"]
    assert speed.main(output) == 7
    command, variables = seen[0]
    assert command[2:] == output
    assert (variables["ATEN_CPU_CAPABILITY"], variables["ONEDNN_MAX_CPU_ISA"]) == ("avx2", "AVX2")
    assert variables[isa.VARIABLE] == "avx2"


@pytest.mark.slow
def test_torch_and_openvino_follow_when_a_poorer_processor_is_imitated() -> None:
    from speedparts import isa

    code = "import json; from speedparts import isa; print(json.dumps(isa.described()))"
    places = [str(ROOT / "Testing" / "Benchmarks"), str(ROOT)]
    variables = {**os.environ, **isa.ISAS["avx2"], isa.VARIABLE: "avx2", "PYTHONPATH": os.pathsep.join(places)}
    said = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True)
    found = json.loads(said.stdout)
    assert (found["isa"], found["torch"]) == ("avx2", "AVX2")
    assert "avx512" not in found["openvino"]


def test_the_page_says_which_units_the_figures_were_made_with(speed: ModuleType) -> None:
    where = {"cores": 2, "processor": "Some", "bf16": False, "system": "Linux"}
    units = {"isa": "avx2", "torch": "AVX2", "openvino": "jit_avx2_f32"}
    text = speed.document([], {**where, "units": units}, {})
    assert "avx2 and no more" in text
    assert "PyTorch used AVX2, OpenVINO's convolutions jit_avx2_f32" in text
    assert "poorer" not in speed.document([], {**where, "units": {**units, "isa": "all there is"}}, {})
    assert "PyTorch used" not in speed.document([], where, {})  # files of earlier versions do not know


def test_what_a_user_waits_for_is_measured_and_drawn(
    speed: ModuleType, tmp_path: Path, empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from speedparts import users

    monkeypatch.setattr(users, "FORMER", "tiny")
    output = tmp_path / "speed"
    assert speed.main(["-o", str(output), "--only", "users", "--encoder", "tiny", "--quick"]) == 0
    content = json.loads(output.with_suffix(".json").read_text())
    assert set(content["curves"]["users"]) == {users.HEART, users.CT}
    plain = "plain Slicer installation (PyTorch)"
    assert all(plain in seconds and len(seconds) >= 2 for seconds in content["curves"]["users"].values())
    whats = [row["what"] for row in content["rows"]["users"]]
    assert f"{users.HEART}, {plain}" in whats
    assert f"views a minute while training, {plain}" in whats
    assert (tmp_path / "speed-users.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("part", ["click", "memory", "volumes", "profile"])
def test_a_rehearsal_of_each_part_ends(speed: ModuleType, tmp_path: Path, empty_home: Path, part: str) -> None:
    if part == "click":
        pytest.importorskip("slicer", reason="slicer-core is not installed")
    output = tmp_path / "speed"
    assert speed.main(["-o", str(output), "--only", part, "--encoder", "tiny", "--quick"]) == 0
    content = json.loads(output.with_suffix(".json").read_text())
    assert content["rows"][part] or content["curves"]
