"""The protocol, with heads that need no training, and once for real on the tiny encoder."""

from __future__ import annotations

import json
import statistics

import numpy as np
import pytest
from benchthings import *  # noqa: F403  fixtures
from benchthings import PATIENTS, doubtful, head, job, labelled, only_large, perfect
from listeners import Listener

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.io.volumes import Labelmap, write_labelmap, write_volume
from SAMAdaptLib.data.structure import Structure
from SAMAdaptLib.errors import Cancelled, DependencyError, GeometryError, InputError
from SAMAdaptLib.inference.config import InferenceConfig
from SAMAdaptLib.jobs import benchmark
from SAMAdaptLib.jobs.benchmark import Dataset, Tools, for_queries, run
from SAMAdaptLib.training.budget import BUDGETS, Budget
from SAMAdaptLib.training.config import TrainingConfig
from SAMAdaptLib.utils.memory import peak_memory_mb
from SAMAdaptLib.worker.benchmark import run_supports

# Names.


def named_labels(folder, **names_of):
    """Labels as segmentation files, by id the names of 1 and 2; where the id ends in _es, the values are swapped."""
    for seed, name in enumerate(PATIENTS):
        (folder / "labels" / f"{name}.nii.gz").unlink()
        labels, names = labelled(seed)[1], names_of.get(name, ("Large", "Small"))
        values = {1: 2, 2: 1} if name.endswith("_es") else {}
        structures = [Structure(values.get(value, value), text, (1, 0, 0)) for value, text in enumerate(names, 1)]
        write_labelmap(labels.renumbered(values, structures), folder / "labels" / f"{name}.seg.nrrd")


def test_structures_of_query_volumes_are_matched_by_name(data):
    named_labels(data)
    found = []

    def trained(cases, **options):
        return head(cases)

    def segment(volume, trained, **options):
        found.append(perfect(volume, trained))
        return found[-1].with_structures([Structure(1, "Large", (1, 0, 0)), Structure(2, "small", (0, 1, 0))])

    result = run(job(data, supports=(("p1_ed",),), query=("p2_ed", "p2_es")), tools=Tools(trained, segment))
    assert [case["dice"] for case in result["supports"][0]["cases"]] == [{"1": 1.0, "2": 1.0}] * 2


def test_names_that_contradict_one_another_are_refused_before_the_training(data):
    named_labels(data, p2_ed=("Large", "Tiny"))
    with pytest.raises(InputError, match=r"'Small' in p1_ed\.seg\.nrrd .*'Tiny' in p2_ed\.seg\.nrrd"):
        run(job(data, query=("p2",)), tools=Tools(pytest.fail, pytest.fail))


# Ids.


@pytest.mark.parametrize(
    "wanted, found",
    [
        (["p1_ed"], ("p1_ed",)),
        (["p1"], ("p1_ed", "p1_es")),
        (["p1", "p1_es", "p2_ed"], ("p1_ed", "p1_es", "p2_ed")),
        (["p10"], ("p10_ed",)),
        (["p2_e"], ("p2_ed", "p2_es")),
        (["p2", "p1"], ("p2_ed", "p2_es", "p1_ed", "p1_es")),
    ],
)
def test_an_id_is_a_name_or_the_beginning_of_names_and_whole_words_come_first(data, wanted, found):
    assert Dataset(data).resolve(wanted) == found


def test_a_volume_without_labels_is_found_only_where_none_are_needed(data):
    assert Dataset(data).resolve(["q"], labelled=False) == ("q1",)
    with pytest.raises(InputError, match="q1 has no labels"):
        Dataset(data).resolve(["q1"])


def test_an_unknown_id_is_refused_with_what_exists(data):
    with pytest.raises(InputError, match="called or begins with 'p3_ed'") as caught:
        Dataset(data).resolve(["p3_ed"])
    assert "p1_ed" in caught.value.hint and "p2_ed" in caught.value.hint


def test_an_empty_id_does_not_stand_for_everything(data):
    with pytest.raises(InputError, match="begins with ''"):
        Dataset(data).resolve([""])


def test_two_files_of_one_id_are_refused(data):
    write_volume(labelled(0)[0], data / "images" / "p1_ed.nrrd")
    with pytest.raises(InputError, match="two volumes of the id p1_ed"):
        Dataset(data)


@pytest.mark.parametrize("part", ["images", "labels"])
def test_a_folder_that_lacks_images_or_labels_is_refused(data, part):
    (data / part).rename(data / "elsewhere")
    with pytest.raises(InputError, match=f"{part} does not exist"):
        Dataset(data)


def test_an_empty_folder_is_refused(data):
    for path in (data / "images").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="holds no volume"):
        Dataset(data)


def test_files_that_are_no_volumes_are_left_alone(data):
    (data / "images" / "notes.txt").write_text("hello")
    (data / "images" / ".hidden.nii.gz").write_text("x")
    assert set(Dataset(data).images) == {*PATIENTS, "q1"}


# The run.


def test_a_perfect_head_scores_one_and_the_json_has_the_contract_s_shape(data, tmp_path):
    output = tmp_path / "out.json"
    result = run(job(data, output, supports=(("p1",), ("p10_ed",)), query=("p2",)), tools=Tools(head, perfect))
    assert json.loads(output.read_text()) == result
    assert (result["mean_dice"], result["sd_dice"], result["complete"]) == (1.0, 0.0, True)
    first = result["supports"][0]
    assert (first["support"], first["head"], first["mean_dice"]) == (["p1_ed", "p1_es"], "threshold", 1.0)
    assert first["train_seconds"] >= 0 and first["peak_mb"] > 10
    case = first["cases"][0]
    assert case["id"] == "p2_ed" and case["seconds"] >= 0
    assert (case["dice"], case["nsd"], case["hd95_mm"]) == ({"1": 1.0, "2": 1.0},) * 2 + ({"1": 0.0, "2": 0.0},)
    assert result["structures"]["1"]["name"] == "Part 1"
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "out.json", "out.png"]


def test_means_go_over_structures_then_cases_then_supports(data):
    """Two supports with different numbers of cases weigh the same."""

    def segment(volume, trained, **options):
        return (only_large if len(trained.cases) == 2 else perfect)(volume, trained)

    supports = (("p1",), ("p2_ed",))
    result = run(job(data, supports=supports, query=("p2", "p10")), Listener(), Tools(head, segment))
    large = [case["mean_dice"] for case in result["supports"][0]["cases"]]
    assert [len(support["cases"]) for support in result["supports"]] == [3, 2]
    assert all(case["dice"]["2"] == 0.0 for case in result["supports"][0]["cases"])
    means = [statistics.fmean(large), 1.0]
    assert result["mean_dice"] == pytest.approx(statistics.fmean(means))
    assert result["sd_dice"] == pytest.approx(statistics.stdev(means))
    assert result["structures"]["2"]["mean_dice"] == pytest.approx(0.5)


def test_several_ids_make_one_support_of_several_cases_and_the_job_s_options_reach_training(data):
    heard = {}

    def train(cases, **options):
        heard.update(options, cases=cases)
        return head(cases)

    asked = job(
        data,
        supports=(("p1_ed", "p1_es"),),
        query=("p2_ed",),
        unlabeled=("q1", "p2"),
        head="cnn",
        seed=5,
        budget="fast",
    )
    run(asked, tools=Tools(train, perfect))
    assert [case.labelmap.values() for case in heard["cases"]] == [(1, 2), (1, 2)]
    assert heard["config"] == TrainingConfig(head="cnn", seed=5, budget="fast")
    assert len(heard["unlabeled"]) == 3


def test_the_job_s_options_reach_segmentation(data):
    heard = {}

    def segment(volume, trained, **options):
        heard.update(options)
        return perfect(volume, trained)

    run(job(data, tta=True, planes="three", smoothing=True, plane="axial"), tools=Tools(head, segment))
    assert heard["config"] == InferenceConfig(tta=True, planes="three", smoothing=True), "in the head's own plane"


def test_the_from_scratch_baseline_is_a_head_like_any_other(data):
    assert run(job(data, head="unet"), tools=Tools(head, perfect))["settings"]["head"] == "unet"


def test_a_query_volume_of_the_support_is_left_out_and_said(data):
    listener = Listener()
    result = run(job(data, query=("p1_es", "p2_ed")), listener, Tools(head, perfect))
    assert [case["id"] for case in result["supports"][0]["cases"]] == ["p2_ed"]
    assert listener.warnings == ["1 of 2 query volumes are in the support and left out."]


def test_a_support_that_leaves_no_query_is_refused_before_any_training(data):
    def train(cases, **options):
        pytest.fail("trained")

    with pytest.raises(InputError, match="All query volumes are in the support p1_ed, p1_es"):
        run(job(data, supports=(("p2",), ("p1",)), query=("p1",)), tools=Tools(train, perfect))


def test_one_support_has_no_spread(data):
    assert run(job(data), tools=Tools(head, perfect))["sd_dice"] is None


def test_a_structure_in_neither_volume_is_null_and_enters_no_mean(data, tmp_path):
    def train(cases, **options):
        return head(cases, values=(1, 2, 7))

    result = run(job(data, tmp_path / "out.json"), tools=Tools(train, perfect))
    assert result["supports"][0]["cases"][0]["dice"]["7"] is None
    assert (result["mean_dice"], result["structures"]["7"]["mean_dice"]) == (1.0, None)
    assert "NaN" not in (tmp_path / "out.json").read_text()


def test_finished_supports_are_kept_when_a_later_one_fails(data, tmp_path):
    def train(cases, **options):
        if len(cases) == 1:
            msg = "The machine caught fire."
            raise RuntimeError(msg)
        return head(cases)

    output = tmp_path / "out.json"
    with pytest.raises(RuntimeError, match="caught fire"):
        run(job(data, output, supports=(("p1",), ("p10",)), query=("p2",)), tools=Tools(train, perfect))
    kept = json.loads(output.read_text())
    assert (len(kept["supports"]), kept["complete"], kept["mean_dice"]) == (1, False, 1.0)


def test_cancelling_between_volumes_stops_and_writes_no_half_support(data, tmp_path):
    with pytest.raises(Cancelled):
        run(job(data, tmp_path / "out.json"), Listener(lambda heard: heard.asked > 1), Tools(head, perfect))
    assert not (tmp_path / "out.json").exists()


def test_a_head_of_a_cancelled_training_is_not_measured(data):
    def train(cases, **options):
        return head(cases, cancelled=True)

    with pytest.raises(Cancelled):
        run(job(data), tools=Tools(train, perfect))


def test_progress_says_which_support_and_counts_volumes(data):
    listener = Listener()
    run(job(data, supports=(("p1",), ("p10",)), query=("p2",)), listener, Tools(head, perfect))
    assert ("Support 1 of 2: Segmenting", 0, 2) in listener.steps
    assert listener.steps[-1] == ("Support 2 of 2: Segmenting", 2, 2)


def test_settings_tell_what_was_asked_and_no_path(data, tmp_path):
    result = run(job(data, tmp_path / "out.json", tolerance_mm=1.5, seed=3), tools=Tools(head, perfect))
    settings = result["settings"]
    assert (settings["seed"], settings["tolerance_mm"], settings["query"]) == (3, 1.5, ["p2_ed", "p2_es", "p10_ed"])
    assert str(tmp_path) not in json.dumps(result)


def test_labels_on_another_grid_are_refused_unless_resampling_is_asked_for(data):
    moved = Labelmap(np.ones((6, 14, 12), np.uint8), Geometry((12, 14, 6), (1.0, 1.0, 3.0), (5.0, -3.0, 2.0)))
    write_labelmap(moved, data / "labels" / "p2_ed.nii.gz")
    with pytest.raises(GeometryError):
        run(job(data, query=("p2_ed",)), tools=Tools(head, perfect))
    result = run(job(data, query=("p2_ed",), resample_labels=True), tools=Tools(head, perfect))
    assert 0 < result["mean_dice"] < 1


def test_without_matplotlib_the_figures_are_all_that_is_missing(data, tmp_path, monkeypatch):
    def refuse(result):
        msg = "Pictures need matplotlib."
        raise DependencyError(msg)

    monkeypatch.setattr("SAMAdaptLib.evaluation.report.benchmark_figure", refuse)
    listener, output = Listener(), tmp_path / "out.json"
    run(job(data, output, supports=(("p1",), ("p10",)), query=("p2",)), listener, Tools(head, perfect))
    assert len(json.loads(output.read_text())["supports"]) == 2
    assert listener.warnings == ["No figure was drawn. Pictures need matplotlib."]


def test_peak_memory_is_in_mebibytes():
    assert 10 < peak_memory_mb() < 1_000_000


def test_the_spread_is_the_sample_standard_deviation():
    assert benchmark._spread([0.5, 0.7, None]) == pytest.approx(statistics.stdev([0.5, 0.7]))
    assert benchmark._spread([0.5, None]) is None


def test_for_real_a_linear_head_on_the_tiny_encoder_learns_bright_boxes(data, tmp_path, empty_home, monkeypatch):
    monkeypatch.setitem(BUDGETS, "fast", Budget("fast", seconds=600, views=1, effort=0.2))
    asked = job(data, tmp_path / "out.json", encoder="tiny", head="linear", budget="fast", query=("p2_ed",))
    result = run(asked)
    support = result["supports"][0]
    assert (support["head"], support["support"]) == ("linear", ["p1_ed", "p1_es"])
    assert support["training"]["seed"] == 0
    assert result["mean_dice"] > 0.5
    assert json.loads((tmp_path / "out.json").read_text()) == result


def measured(result):
    """A result without what differs from run to run."""
    hidden = {"train_seconds", "segment_seconds", "seconds", "peak_mb"}
    if isinstance(result, dict):
        return {key: measured(value) for key, value in result.items() if key not in hidden}
    return [measured(value) for value in result] if isinstance(result, list) else result


def test_supports_side_by_side_give_what_one_run_gives(data, tmp_path):
    tools, supports = Tools(head, only_large), (("p1",), ("p10",))
    whole = run(job(data, tmp_path / "whole.json", supports, ("p2",)), tools=tools)
    apart = run_supports(
        job(data, tmp_path / "apart.json", supports, ("p2",)), run=lambda part, monitor: run(part, monitor, tools)
    )
    written = json.loads((tmp_path / "apart.json").read_text())
    assert measured(written) == measured(whole)
    assert apart["kind"] == "benchmark" and apart["mean_dice"] == whole["mean_dice"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith((".", "apart"))) == [
        "apart.json",
        "apart.png",
    ], "nothing else is left"


def test_a_warning_says_which_support_and_which_volume_it_is_of(data, tmp_path):
    listener = Listener()
    asked = job(data, tmp_path / "out.json", supports=(("p1_ed", "p1_es"), ("p10",)), query=("p2_ed",))
    run_supports(asked, monitor=listener, run=lambda part, monitor: run(part, monitor, Tools(head, doubtful)))
    supports = ("support p1_ed + p1_es", "support p10")
    assert [text for text in listener.warnings if "Not found" in text] == [
        f"{support}: p2_ed: Not found: Large." for support in supports
    ]


def test_a_run_that_is_begun_again_computes_only_the_supports_that_are_missing(data, tmp_path):
    trained = []

    def unlucky(part, monitor):
        trained.append(part.supports)
        if len(trained) == 2:
            msg = "The labels of p10 do not lie on its grid."
            raise GeometryError(msg)
        return run(part, monitor, Tools(head, perfect))

    asked = job(data, tmp_path / "out.json", (("p1",), ("p10",), ("p2",)), ("p1", "p2"))
    with pytest.raises(GeometryError, match="p10"):
        run_supports(asked, run=unlucky)
    assert not (tmp_path / "out.json").exists()
    assert len(run_supports(asked, run=unlucky)["supports"]) == 3
    assert trained == [(("p1",),), (("p10",),), (("p2",),), (("p10",),)]


def test_a_result_restricted_to_some_queries_is_that_of_a_run_on_them_alone(data):
    tools = Tools(head, only_large)
    whole = run(job(data, supports=(("p1",),), query=("p2", "p10")), tools=tools)
    alone = run(job(data, supports=(("p1",),), query=("p10",)), tools=tools)
    part = for_queries(whole, ["p10"])
    same = ("mean_dice", "mean_nsd", "mean_hd95_mm", "structures", "sd_dice")
    assert {key: part[key] for key in same} == {key: alone[key] for key in same}
    assert part["settings"]["query"] == alone["settings"]["query"]
    assert len(part["supports"][0]["cases"]) == 1 < len(whole["supports"][0]["cases"])
    with pytest.raises(InputError, match="No query volume of this result begins with x9"):
        for_queries(whole, ["x9"])


def test_a_case_says_what_was_warned_of(data):
    listener = Listener()
    result = run(job(data, supports=(("p1",),), query=("p2_ed",)), monitor=listener, tools=Tools(head, doubtful))
    (case,) = result["supports"][0]["cases"]
    assert case["warnings"] == ["Not found: Large."]
    assert listener.warnings == ["p2_ed: Not found: Large."]
