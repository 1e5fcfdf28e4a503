"""One structure under two label values is one structure; what says two things at once is refused by name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from balls import ball_arrays, ball_head, image_of
from clithings import *  # noqa: F403  fixtures
from listeners import Listener
from phantoms import two_balls

from SAMAdaptLib.cli import main
from SAMAdaptLib.data.case import Case
from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Labelmap
from SAMAdaptLib.data.io.volumes import write_labelmap
from SAMAdaptLib.data.matching import Labelling, contradict, matched, name_key, terminology_key
from SAMAdaptLib.data.structure import Structure, default_color, default_structure
from SAMAdaptLib.errors import InputError
from SAMAdaptLib.evaluation.metrics import evaluate
from SAMAdaptLib.jobs.runner import run_job
from SAMAdaptLib.jobs.specs import CaseFiles, StructureSpec, TrainJob
from SAMAdaptLib.training.dataset import under_one_labelling


def entry(code: str, meaning: str = "Organ", modifier: str = "", scheme: str = "SCT") -> str:
    """A terminology entry as Slicer writes it."""
    side = f"SCT^{modifier}^side" if modifier else "^^"
    return f"List~SCT^123037004^Anatomical Structure~{scheme}^{code}^{meaning}~{side}~Master list~^^~^^"


def labelled(name: str, *names: str | tuple[int, str] | tuple[int, str, str], by_name: bool = False) -> Labelling:
    """A labelling of structures numbered from 1, or (value, name, terminology); an empty name is none."""
    structures = []
    for number, item in enumerate(names, start=1):
        value, text, terms = (number, item, "") if isinstance(item, str) else (*item, "")[:3]
        structures.append(Structure(value, text or f"Structure {value}", default_color(value), terms))
    return Labelling(name, tuple(structures), by_name)


# The matching itself --------------------------------------------------------------------------------------------------


def test_the_same_names_under_the_same_values_need_nothing() -> None:
    match = matched(labelled("a", "liver", "spleen"), labelled("b", "liver", "spleen"))
    assert match.values == {1: 1, 2: 2} and match.same_values


def test_names_win_over_values() -> None:
    match = matched(labelled("a", "liver", "spleen"), labelled("b", "spleen", "liver"))
    assert match.values == {1: 2, 2: 1}
    assert [item.name for item in match.structures] == ["liver", "spleen"]


@pytest.mark.parametrize("spelling", ["LIVER", " liver ", "Liver", "liver"])
def test_case_and_spacing_make_no_other_structure(spelling: str) -> None:
    assert matched(labelled("a", (3, "Liver")), labelled("b", (1, spelling))).values == {1: 3}
    assert name_key("Left_ventricle") == name_key("left  ventricle")
    assert name_key("Ma\u0308nnchen") == name_key("M\u00e4nnchen")


def test_names_that_differ_in_case_alone_may_be_two_in_one_file() -> None:
    match = matched(labelled("a", "LV", "lv"), labelled("b", "lv", "LV"))
    assert match.values == {1: 2, 2: 1}


def test_a_file_without_names_goes_by_value() -> None:
    assert matched(labelled("a", "liver", "spleen"), labelled("b", "", "")).values == {1: 1, 2: 2}
    match = matched(labelled("a", "", ""), labelled("b", "liver", "spleen"))
    assert match.values == {1: 1, 2: 2}
    assert [item.name for item in match.structures] == ["liver", "spleen"], "names are taken over"


def test_a_new_structure_keeps_its_value_or_gets_a_free_one() -> None:
    assert matched(labelled("a", "liver"), labelled("b", "liver", "spleen")).values == {1: 1, 2: 2}
    match = matched(labelled("a", "liver"), labelled("b", "kidney", "liver"), taken=(3,))
    assert match.values == {2: 1, 1: 4}, "1 is the liver's, 2 is another one's in the file, 3 is taken"
    assert [(item.value, item.name) for item in match.structures] == [(1, "liver"), (4, "kidney")]


def test_another_name_with_the_same_terminology_is_the_same_structure() -> None:
    match = matched(labelled("a", (2, "Leber", entry("10200004"))), labelled("b", (1, "liver", entry("10200004"))))
    assert match.values == {1: 2}
    tissue = "List~SCT^85756007^Tissue~SCT^85756007^Tissue~^^~Master list~^^~^^"
    with pytest.raises(InputError):
        matched(labelled("a", (1, "Leber", tissue)), labelled("b", (1, "Milz", tissue)))


def test_two_structures_of_one_terminology_are_not_told_apart_by_it() -> None:
    heart = entry("80891009")
    one = labelled("a", (1, "LV", heart), (2, "RV", heart))
    other = labelled("b", (3, "left", heart), (4, "right", heart))
    assert matched(one, other).values == {3: 3, 4: 4}


def test_a_value_with_two_names_is_refused_with_files_values_names_and_remedy() -> None:
    with pytest.raises(InputError) as fault:
        matched(labelled("a.seg.nrrd", "liver"), labelled("b.seg.nrrd", "kidney"))
    assert str(fault.value) == (
        "The label value 1 is 'liver' in a.seg.nrrd and 'kidney' in b.seg.nrrd, and each name is unknown to the other. "
        "Give the structure one name in all files (Segment Editor), or export plain label files, which go by value."
    )


def test_values_of_segments_mean_nothing() -> None:
    match = matched(labelled("A", "liver", by_name=True), labelled("B", "kidney", by_name=True))
    assert match.values == {1: 2}


def test_one_name_with_two_terminologies_is_refused() -> None:
    one = labelled("a", (1, "Kidney", entry("64033007", modifier="7771000")))
    other = labelled("b", (2, "Kidney", entry("64033007", modifier="24028007")))
    with pytest.raises(InputError, match=r"'Kidney' is one thing in a \(label value 1, Organ, side\) and another in b"):
        matched(one, other)
    assert not contradict(one.structures[0], replace(other.structures[0], terminology=entry("64033007")))
    old = replace(other.structures[0], terminology=entry("T-71000", scheme="SRT"))
    assert not contradict(one.structures[0], old), "codes of two schemes cannot be compared"
    assert terminology_key(default_structure(1)) == ""


def test_two_structures_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="b has two structures called 'liver': 1 and 2"):
        matched(labelled("a", "liver"), labelled("b", "liver", "liver"))


def test_two_structures_for_one_are_refused() -> None:
    one = labelled("a", (1, "Liver", entry("10200004")), (2, "", ""))
    other = labelled("b", "LIVER", "liver")
    with pytest.raises(InputError, match="would both be 'Liver'"):
        matched(one, other)


# Cases of one training ------------------------------------------------------------------------------------------------


def named(case: Case, names: dict[int, str], file: str = "", numbers: dict[int, int] | None = None) -> Case:
    """The case with its labels 2 and 5 renumbered, then named."""
    labels = case.labelmap.renumbered(numbers or {}, ())
    structures = [Structure(value, name, default_color(value)) for value, name in names.items()]
    return replace(case, labelmap=replace(labels.with_structures(structures), name=file))


@pytest.fixture
def case() -> Case:
    return two_balls()


def test_cases_are_brought_under_the_values_of_the_first(case: Case) -> None:
    first = named(case, {2: "Bright", 5: "Dark"})
    second = named(case, {1: "dark", 2: "bright"}, numbers={2: 2, 5: 1})
    merged = under_one_labelling([first, second])
    assert merged[0] is first
    assert np.array_equal(merged[1].labelmap.voxels, case.labelmap.voxels)
    assert [item.name for item in merged[1].labelmap.structures] == ["Dark", "Bright"]


def test_what_is_only_declared_contradicts_nothing(case: Case) -> None:
    first = named(case, {2: "Bright", 5: "Dark", 7: "Later"})
    second = named(case, {2: "Bright", 7: "Dark"}, numbers={5: 7})
    assert under_one_labelling([first, second])[1].labelmap.values() == (2, 5)


def test_a_contradiction_of_cases_names_both_files(case: Case) -> None:
    first = named(case, {2: "Bright", 5: "Dark"}, "one.seg.nrrd")
    second = named(case, {2: "Bright", 5: "Dark"}, "two.seg.nrrd")
    third = named(case, {2: "Bright", 5: "Shadow"}, "three.seg.nrrd")
    words = r"label value 5 is 'Dark' in case 1 \(one.seg.nrrd\) and 'Shadow' in case 3 \(three.seg.nrrd\)"
    with pytest.raises(InputError, match=words):
        under_one_labelling([first, second, third])


def test_the_label_to_ignore_is_no_structure(case: Case) -> None:
    first = named(case, {2: "Bright", 5: "Open"})
    second = named(case, {2: "Bright", 5: "Unknown"})
    assert under_one_labelling([first, second], ignore_label=5)[1].labelmap.values() == (2, 5)


def test_plain_labels_stay_as_they_are(case: Case) -> None:
    plain = replace(case, labelmap=case.labelmap.with_structures(()))
    assert under_one_labelling([plain, plain]) == [plain, plain]


def test_a_plain_label_file_takes_the_names_of_another_case(case: Case) -> None:
    plain = replace(case, labelmap=case.labelmap.with_structures(()))
    merged = under_one_labelling([plain, named(case, {2: "Bright", 5: "Dark"})])
    assert [[item.name for item in each.labelmap.structures] for each in merged] == [["Bright", "Dark"]] * 2


def write_named(folder: Path, file: str, **names: int) -> str:
    """Writes the two halves of the ball under these names and values; gives the path."""
    mask = ball_arrays()[1]
    upper = np.arange(mask.shape[1])[None, :, None] < 20
    labels = np.zeros_like(mask)
    for part, value in zip((upper, ~upper), names.values(), strict=True):
        labels[mask.astype(bool) & part] = value
    structures = [Structure(value, name, default_color(value)) for name, value in names.items()]
    write_labelmap(Labelmap(labels, Geometry.from_sitk(image_of(mask)), structures), folder / file)
    return str(folder / file)


@pytest.fixture
def taught(monkeypatch) -> list:
    """The cases that training was given."""
    given: list = []

    def train(cases, **options):
        given.append(cases)
        return ball_head(options["name"])

    monkeypatch.setattr("SAMAdaptLib.training.train.train", train)
    return given


def job_of(folder: Path, *labels: str, **options) -> TrainJob:
    image = str(folder / "a.nii.gz")
    return TrainJob(tuple(CaseFiles(image, each) for each in labels), str(folder / "new.samhead"), **options)


def test_two_files_that_number_differently_are_one_training(balls: Path, taught: list) -> None:
    one = write_named(balls, "one.seg.nrrd", Upper=1, Lower=2)
    two = write_named(balls, "two.seg.nrrd", upper=2, lower=1)
    run_job(job_of(balls, one, two, structures=(StructureSpec(1, "Top"),)))
    first, second = taught[0]
    assert np.array_equal(first.labelmap.voxels, second.labelmap.voxels)
    assert [item.name for item in second.labelmap.structures] == ["Top", "Lower"], "names go by the first file's values"


def test_a_name_for_a_label_settles_what_the_files_contradict_one_another_in(balls: Path, taught: list, capsys) -> None:
    one = write_named(balls, "one.seg.nrrd", Upper=1, Lower=2)
    two = write_named(balls, "two.seg.nrrd", Top=1, Lower=2)
    image, output = str(balls / "a.nii.gz"), str(balls / "new.samhead")
    command = ["train", "--case", image, one, "--case", image, two, "-o", output, "--quiet"]
    assert main(command) == 2
    assert "The label value 1 is 'Upper' in case 1 (one.seg.nrrd) and 'Top' in case 2" in capsys.readouterr().err
    assert main([*command, "--name", "1=Cap"]) == 0
    assert [[item.name for item in case.labelmap.structures] for case in taught[0]] == [["Cap", "Lower"]] * 2


@pytest.mark.parametrize("names", [{2: "Dark", 5: "Bright"}, {2: "", 5: ""}])
def test_training_that_goes_on_from_a_head_takes_its_values(case: Case, names: dict, monkeypatch) -> None:
    from SAMAdaptLib.training import train as training

    seen: list = []
    monkeypatch.setattr(training.TrainingContext, "of", lambda cases, *_, **__: seen.append(cases))
    head = ball_head()
    structures = [{"value": 5, "name": "dark"}, {"value": 2, "name": "bright"}]
    network = {"type": "linear", "hyper": {"channels": {"neck": 32}, "classes": 3}}
    head = replace(head, card=replace(head.card, structures=structures, head=network))
    swapped = named(case, {value: name or f"Structure {value}" for value, name in names.items()}, numbers={2: 5, 5: 2})
    heard = Listener()
    with pytest.raises(AttributeError):  # the context that takes the cases is none
        training.train([swapped], start_from=head, monitor=heard)
    by_name = bool(names[2])
    assert np.array_equal(seen[0][0].labelmap.voxels == 2, case.labelmap.voxels == (2 if by_name else 5))
    assert heard.warnings == []


def test_a_head_of_other_structures_is_not_gone_on_from_in_silence(case: Case, monkeypatch) -> None:
    from SAMAdaptLib.training import train as training

    monkeypatch.setattr(training.TrainingContext, "of", lambda *_, **__: None)
    heard = Listener()
    with pytest.raises(AttributeError):
        training.train([case], start_from=ball_head(), monitor=heard)
    (words,) = heard.warnings
    assert words.startswith("The head to start from knows Ball; annotated is Bright, Dark. So the training begins anew")
    contradicting = named(case, {2: "Bright", 1: "Cube"}, "c.seg.nrrd", numbers={5: 1})
    with pytest.raises(InputError, match="label value 1 is 'Ball' in the head ball and 'Cube' in case 1"):
        training.train([contradicting], start_from=ball_head())


# Comparing ------------------------------------------------------------------------------------------------------------


def test_a_reference_with_other_values_is_compared_by_name(balls: Path, capsys) -> None:
    ours = write_named(balls, "ours.seg.nrrd", Upper=1, Lower=2)
    theirs = write_named(balls, "theirs.seg.nrrd", upper=7, lower=1)
    assert main(["evaluate", ours, theirs, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["structures"]
    assert [(row["value"], row["reference_value"], row["name"], row["dice"]) for row in rows] == [
        (1, 7, "upper", 1.0),
        (2, 1, "lower", 1.0),
    ]
    assert main(["evaluate", ours, theirs, "--by-value", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mean_dice"] == 0.0


def test_a_contradiction_of_names_is_refused_unless_values_are_to_count(balls: Path, capsys) -> None:
    ours = write_named(balls, "ours.seg.nrrd", Upper=1, Lower=2)
    theirs = write_named(balls, "theirs.seg.nrrd", Top=1, Lower=2)
    assert main(["evaluate", ours, theirs]) == 2
    text = capsys.readouterr().err
    assert "The label value 1 is 'Upper' in the prediction ours.seg.nrrd and 'Top' in the reference theirs" in text
    assert "--by-value" in text
    assert main(["evaluate", ours, theirs, "--by-value", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mean_dice"] == 1.0


def test_a_reference_without_names_is_compared_by_value(balls: Path) -> None:
    from SAMAdaptLib.data.io.volumes import read_labelmap

    ours = read_labelmap(write_named(balls, "ours.seg.nrrd", Upper=1, Lower=2))
    plain = ours.with_structures(())
    for pair in ((ours, plain), (plain, ours)):
        result = evaluate(*pair)
        assert [(row.name, row.dice) for row in result.structures] == [("Upper", 1.0), ("Lower", 1.0)]


def test_what_only_the_reference_has_is_missed_under_a_value_of_its_own(balls: Path) -> None:
    from SAMAdaptLib.data.io.volumes import read_labelmap

    reference = read_labelmap(write_named(balls, "theirs.seg.nrrd", Cap=1, Lower=2))
    lower = reference.with_array(np.where(reference.voxels == 2, 1, 0).astype(np.uint8))
    prediction = lower.with_structures([Structure(1, "Lower", default_color(1))])
    rows = {row.name: row for row in evaluate(prediction, reference).structures}
    assert (rows["Lower"].dice, rows["Lower"].value, rows["Lower"].reference_value) == (1.0, 1, 2)
    assert (rows["Cap"].state, rows["Cap"].reference_value) == ("missed", 1)
    assert rows["Cap"].value not in (1, 2)


def test_a_head_of_another_encoder_is_not_gone_on_from_in_silence() -> None:
    from SAMAdaptLib.encoders import load_encoder
    from SAMAdaptLib.training import context as preparing

    head, encoder, heard = ball_head(), load_encoder("tiny"), Listener()
    preparing._warn_of_another_encoder(head, encoder, heard)
    assert heard.warnings == []
    seen_by_another = replace(head.card.encoder, name="mobile_sam", sha256="ab" * 32)
    other = replace(head, card=replace(head.card, encoder=seen_by_another))
    preparing._warn_of_another_encoder(other, encoder, heard)
    (words,) = heard.warnings
    assert words.startswith("The head to start from was trained on mobile_sam, not on tiny. So the training")
