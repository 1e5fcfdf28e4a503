"""Pictures, tables and the page: what they show, and that they are files of their own."""

from __future__ import annotations

import base64
import html.parser
import json
import math
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.io.volumes import Labelmap, Volume
from SAMAdaptLib.data.structure import Structure
from SAMAdaptLib.errors import DependencyError, InputError
from SAMAdaptLib.evaluation import report
from SAMAdaptLib.evaluation.metrics import evaluate
from SAMAdaptLib.evaluation.report import overlay, ranking, tables
from SAMAdaptLib.evaluation.report.charts import benchmark_figure, curve_figure
from SAMAdaptLib.evaluation.report.page import CaseReport, Page, card_facts, render_page, write_page
from SAMAdaptLib.evaluation.report.recorder import CurveRecorder, card_curves
from SAMAdaptLib.evaluation.report.theme import DARK, LIGHT, png
from SAMAdaptLib.heads.card import HeadCard
from SAMAdaptLib.preprocessing.slicing import SliceStack

pytest.importorskip("matplotlib", reason="pictures need matplotlib")

PNG = b"\x89PNG\r\n\x1a\n"
NASTY = '<script>alert(1)</script> $\\frac{$ & "quotes"'


def scene(shape=(6, 40, 48), spacing=(1.0, 1.0, 5.0), name="Liver"):
    """A volume with two structures, and a result that is one voxel off."""
    geometry = Geometry(shape[::-1], spacing)
    voxels = np.zeros(shape, np.uint8)
    k, j, i = (n // 4 for n in shape)
    voxels[k : 3 * k, j : 2 * j, i : 2 * i] = 1
    voxels[2 * k :, 2 * j : 3 * j, i : 2 * i] = 2
    structures = (Structure(1, name, (0.9, 0.3, 0.2)), Structure(2, "Spleen", (0.2, 0.5, 0.9)))
    reference = Labelmap(voxels, geometry, structures)
    noise = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    return Volume(noise + 3 * voxels, geometry, name="scan"), reference.with_array(np.roll(voxels, 1, 2)), reference


def card(**training):
    return HeadCard(
        head={"type": "cnn", "hyper": {"channels": {"neck": 256}, "classes": 2}},
        encoder={"name": "mobile_sam", "sha256": "0" * 64, "levels": {}},
        plane={"name": "axial", "acquisition": True},
        intensity={"kind": "percentile", "low": 0.5, "high": 99.5},
        structures=[{"value": 1, "name": "Liver"}],
        training={"cases": 1, "slices": 19, "views": 304, "steps": 300, "seconds": 200.0, "seed": 7, **training},
        quality={"mean_dice": 0.812, "held_out_slices": 4},
    )


def result(supports=2, cases=3, dice=0.7):
    one = {"id": "a", "seconds": 1.0, "dice": {"1": dice, "2": None}, "nsd": {}, "hd95_mm": {}}
    support = {
        "support": ["p1_a", "p1_b"],
        "head": "cnn",
        "train_seconds": 12.3,
        "mean_dice": dice,
        "cases": [one] * cases,
    }
    return {
        "mean_dice": dice,
        "sd_dice": 0.02,
        "structures": {"1": {"name": "Liver", "mean_dice": dice}, "2": {"name": NASTY, "mean_dice": None}},
        "supports": [{**support, "dice": {"1": dice, "2": None}}] * supports,
        "settings": {"encoder": "mobile_sam", "budget": "fast"},
    }


def texts(figure):
    """All words in a figure, of its axes as well."""
    from matplotlib.text import Text

    return [found.get_text() for found in figure.findobj(Text) if found.get_text()]


# Overlays.


@pytest.mark.parametrize("with_reference, panels", [(True, 9), (False, 6)])
def test_an_overlay_has_three_slices_in_a_column_for_image_result_and_reference(with_reference, panels):
    volume, labels, reference = scene()
    figure = report.overlay_figure(volume, labels, reference if with_reference else None, title="Case 1")
    assert len(figure.axes) == panels
    assert "Case 1" in texts(figure) and "Result" in texts(figure)
    assert ("Reference" in texts(figure)) is with_reference
    assert png(figure).startswith(PNG)


def test_the_legend_names_structures_and_their_dice():
    volume, labels, reference = scene()
    evaluation = evaluate(labels, reference)
    shown = texts(report.overlay_figure(volume, labels, reference, evaluation=evaluation))
    assert f"Liver  ·  Dice {evaluation.structures[0].dice:.2f}" in shown


def test_names_from_files_are_shown_as_they_are():
    volume, labels, _ = scene(name="50 $ and $\\frac{")
    figure = report.overlay_figure(volume, labels, title="$x_{", subtitle="$y^{")
    assert png(figure).startswith(PNG)
    assert "50 $ and $\\frac{" in texts(figure)


@pytest.mark.parametrize("shape", [(1, 30, 40), (2, 30, 40), (5, 64, 8)])
def test_few_slices_and_narrow_volumes_can_be_shown(shape):
    geometry = Geometry(shape[::-1], (1.0, 1.0, 5.0))
    voxels = np.zeros(shape, np.uint8)
    voxels[:, 5:20, 2:6] = 1
    volume = Volume(np.random.default_rng(0).normal(size=shape), geometry)
    figure = report.overlay_figure(volume, Labelmap(voxels, geometry))
    assert len(figure.axes) == 2 * min(shape[0], 3)
    assert png(figure, dpi=40).startswith(PNG)


def test_a_result_without_any_structure_can_be_shown():
    volume, labels, _ = scene()
    figure = report.overlay_figure(volume, labels.with_array(np.zeros_like(labels.voxels)))
    assert png(figure, dpi=40).startswith(PNG)


def test_slices_are_spread_over_what_is_labelled_however_small_a_structure_is():
    volume, _, reference = scene(shape=(30, 40, 48))
    voxels = np.zeros((30, 40, 48), np.uint8)
    voxels[5:10, 5:35, 5:35], voxels[25, 20, 20] = 1, 2
    numbers = overlay.telling_slices(overlay.SliceStack(volume, "axial"), [reference.with_array(voxels)])
    assert 25 in numbers
    assert sum(5 <= number < 10 for number in numbers) == 2


def test_auto_shows_a_grid_that_is_as_fine_in_all_planes_where_most_structures_are_seen():
    geometry = Geometry((20, 30, 60))
    voxels = np.zeros((60, 30, 20), np.uint8)
    for value in range(1, 5):  # a column of vertebrae: one in an axial slice, all in a sagittal one
        voxels[10 * value : 10 * value + 6, 10:20, 8:14] = value
    volume = Volume(np.random.default_rng(0).normal(size=voxels.shape), geometry)
    stack = overlay._telling_stack(volume, [Labelmap(voxels, geometry)], "auto")
    assert stack.plane != "axial"


def test_the_view_holds_all_of_the_structures():
    volume, labels, reference = scene(shape=(6, 200, 180))
    stack = overlay.SliceStack(volume, "axial")
    rows, columns = overlay._view(stack, [labels, reference])
    whole = stack.oriented(np.maximum(labels.voxels, reference.voxels))
    assert np.count_nonzero(whole[:, rows, columns]) == np.count_nonzero(whole)
    assert (rows.stop - rows.start) < 200


def test_a_labelmap_of_another_shape_is_refused():
    volume, _, _ = scene()
    _, labels, _ = scene(shape=(6, 40, 40))
    with pytest.raises(InputError, match=r"\(6, 40, 40\) voxels \(k, j, i\), the volume \(6, 40, 48\)"):
        report.overlay_figure(volume, labels)


def test_equal_figures_have_equal_bytes():
    volume, labels, reference = scene()
    first, second = (png(report.overlay_figure(volume, labels, reference), dpi=50) for _ in range(2))
    assert first == second


def test_a_picture_is_written_whole_and_refused_without_its_folder(tmp_path):
    figure = curve_figure({"loss": [(1, 1.0), (2, 0.5)]})
    report.write_png(figure, tmp_path / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    with pytest.raises(InputError, match="does not exist"):
        report.write_png(figure, tmp_path / "missing" / "a.png")


# Charts.


def test_losses_and_scores_have_panels_of_their_own():
    curves = {"loss": [(step, 1 / step) for step in range(1, 100)], "held-out Dice": [(50, 0.6), (99, 0.8)]}
    figure = curve_figure(curves)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Loss", "Held-out Dice"]
    assert figure.axes[1].get_ylim()[1] == 1.0
    assert "0.80" in texts(figure)


@pytest.mark.parametrize("curves", [{}, {"loss": []}, {"loss": [(1, math.nan)]}])
def test_no_curve_is_said_in_words(curves):
    assert "No curve was recorded." in texts(curve_figure(curves))


def test_a_curve_of_one_point_can_be_drawn():
    assert png(curve_figure({"loss": [(1, 0.5)], "Dice": [(1, 0.5)]}, DARK)).startswith(PNG)


def test_the_benchmark_figure_shows_each_score_by_structure_and_support():
    figure = benchmark_figure(result(supports=3, cases=4))
    dots = sum(len(found.get_offsets()) for found in figure.axes[0].collections)
    assert dots == 3 * 4
    shown = " | ".join(texts(figure))
    assert "Mean Dice 0.700 ± 0.020 over 3 supports" in shown
    assert "p1  0.700" in shown and "Liver" in shown
    assert png(figure).startswith(PNG)


@pytest.mark.parametrize("supports", [0, 1, 12])
def test_the_benchmark_figure_bears_any_number_of_supports(supports):
    assert png(benchmark_figure({**result(supports=supports), "sd_dice": None}), dpi=40).startswith(PNG)


def test_the_benchmark_figure_can_be_drawn_from_its_json():
    assert png(benchmark_figure(json.loads(json.dumps(result()))), dpi=40).startswith(PNG)


def test_without_matplotlib_the_error_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(DependencyError, match="matplotlib") as caught:
        curve_figure({})
    assert "pip install matplotlib" in caught.value.hint


def test_importing_the_report_loads_no_matplotlib():
    code = "import sys, SAMAdaptLib.evaluation.report; print('matplotlib' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"


# Recorder.


def test_the_recorder_remembers_curves_and_passes_everything_on():
    heard = []

    class Listener:
        def progress(self, *words):
            heard.append(words)

        metric = warning = progress

        def cancelled(self):
            return True

    recorder = CurveRecorder(Listener())
    recorder.metric("loss", 1, 0.5)
    recorder.metric("loss", 2, 0.4)
    recorder.progress("Training", 1, 2)
    recorder.warning("careful")
    assert recorder.curves == {"loss": [(1, 0.5), (2, 0.4)]}
    assert heard == [("loss", 1, 0.5), ("loss", 2, 0.4), ("Training", 1, 2), ("careful",)]
    assert recorder.cancelled()


def test_a_card_gives_its_curves_back():
    curves = card_curves({"curve": [[10, 0.9, None], [20, 0.5, 0.7]]})
    assert curves == {"loss": [(10, 0.9), (20, 0.5)], "held-out Dice": [(20, 0.7)]}
    assert card_curves({}) == {}


# Tables.


def test_the_score_table_is_aligned_and_ends_with_the_mean():
    _, labels, reference = scene()
    lines = report.score_table(evaluate(labels, reference, tolerance_mm=1.5)).splitlines()
    assert "NSD at 1.5 mm" in lines[0]
    assert lines[2].startswith("Liver ") and lines[-1].startswith("Mean ")
    assert len(lines[2]) == len(lines[0])


def test_what_has_no_score_is_a_dash():
    _, labels, reference = scene()
    lines = report.score_table(evaluate(labels, reference, values=[1, 9])).splitlines()
    assert lines[3].split()[2:5] == [tables.ABSENT] * 3


def test_the_benchmark_table_has_a_line_for_each_support():
    lines = report.benchmark_table(result(supports=2)).splitlines()
    assert sum(line.startswith("p1 ") for line in lines) == 2
    assert "0.700 ± 0.020" in lines[-1]


@pytest.mark.parametrize(
    "ids, short",
    [
        (["a"], "a"),
        (["patient001_frame01", "patient001_frame12"], "patient001"),
        (["patient001", "patient002"], "patient001 and 1 more"),
        (["x1", "y2", "z3"], "x1 and 2 more"),
    ],
)
def test_a_support_is_named_by_what_its_ids_share(ids, short):
    assert tables.short_ids(ids) == short


# The page.


class Reader(html.parser.HTMLParser):
    """Collects tags, text and what would be loaded from elsewhere."""

    def __init__(self):
        super().__init__()
        self.tags, self.words, self.open, self.sources = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag not in ("meta", "img", "source", "path"):
            self.open.append(tag)
        self.sources += [value for name, value in attributes if name in ("src", "href", "srcset")]

    def handle_endtag(self, tag):
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, text):
        self.words.append(text)


def read(page):
    reader = Reader()
    reader.feed(page)
    return reader


@pytest.fixture
def page():
    volume, labels, reference = scene(name=NASTY)
    picture = png(report.overlay_figure(volume, labels, reference), dpi=40)
    case = CaseReport(f"Case {NASTY}", picture, evaluate(labels, reference, values=[1, 2, 9]), 3.21, NASTY)
    trained = card(curve=[[step, 1 / step, None] for step in range(1, 20)], trainable_parameters=118404)
    return Page(NASTY, NASTY, [case], trained, command=f"run {NASTY}", notes=[NASTY], facts={"Data": NASTY})


def test_the_page_is_whole_and_loads_nothing(page, tmp_path):
    write_page(tmp_path / "index.html", page)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    reader = read(text)
    assert reader.open == []
    assert reader.sources and all(source.startswith("data:image/png;base64,") for source in reader.sources)
    assert all(base64.b64decode(source.partition(",")[2]).startswith(PNG) for source in reader.sources)
    assert not re.search(r"https?://|@import|url\(", text)
    assert "default-src 'none'" in text


def test_text_from_files_is_escaped(page):
    reader = read(render_page(page))
    assert "script" not in reader.tags
    assert sum(NASTY in word for word in reader.words) >= 5


def test_the_page_has_scores_facts_and_the_command(page):
    words = " ".join(read(render_page(page)).words)
    for expected in ("NSD at 2 mm", "Reference ml", "mobile_sam", "118,404", "0.812 on 4 slices", "in neither"):
        assert expected in words
    assert "run " + NASTY in words


def test_the_page_has_curves_for_light_and_dark_readers(page):
    text = render_page(page)
    assert "prefers-color-scheme: dark" in text
    assert '<source media="(prefers-color-scheme: dark)" srcset="data:image/png' in text
    assert png(curve_figure({"loss": [(1, 1.0)]}, LIGHT)) != png(curve_figure({"loss": [(1, 1.0)]}, DARK))


def test_a_page_with_a_title_only_is_a_page():
    reader = read(render_page(Page("Nothing yet")))
    assert "Nothing yet" in reader.words
    assert "section" not in reader.tags


def test_a_page_without_a_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        write_page(tmp_path / "missing" / "index.html", Page("x"))


def test_card_facts_leave_out_what_is_unknown():
    facts = card_facts(card())
    assert facts["Annotated slices"] == "19"
    assert facts["Intensity"] == "percentiles 0.5 to 99.5"
    assert not {"Modality", "Version", "Unlabelled volumes"} & facts.keys()


def test_card_facts_say_how_many_volumes_without_annotation_taught_the_head():
    assert card_facts(card(unlabeled=12))["Unlabelled volumes"] == "12"
    assert "Unlabelled volumes" not in card_facts(card(unlabeled=0))


@pytest.mark.parametrize(("count", "words"), [(1, "0.812 on 1 slice"), (3, "0.812 on 3 slices")])
def test_held_out_slices_are_counted_in_words(count, words):
    quality = {"mean_dice": 0.812, "held_out_slices": count}
    assert card_facts(replace(card(), quality=quality))["Held-out Dice"] == words


# Which slices -------------------------------------------------------------------------------------------------------


def test_the_worst_the_median_and_the_best_slice_are_shown_with_their_dice():
    _, result, reference = scene(shape=(12, 40, 48))
    voxels = result.voxels.copy()
    voxels[5] = 0  # one slice where nothing was found
    worse = result.with_array(voxels)
    stack = SliceStack(worse.geometry, "axial")
    words = ranking.by_dice(worse, reference)(stack)
    assert len(words) == 3
    assert words[5] == "worst, Dice 0.00"
    assert [word.split(",")[0] for word in words.values()] == ["worst", "median", "best"]


def test_without_a_reference_certainty_chooses_the_slices():
    _, result, _ = scene(shape=(12, 40, 48))
    certainty = np.full(result.voxels.shape, 0.9, np.float32)
    certainty[4] = 0.3
    words = ranking.by_certainty(result, certainty)(SliceStack(result.geometry, "axial"))
    assert words[4] == "least sure, 0.30"


def test_an_empty_result_has_no_slice_to_choose():
    _, result, _ = scene()
    empty = result.with_array(np.zeros_like(result.voxels))
    assert not ranking.by_dice(empty, empty)(SliceStack(empty.geometry, "axial"))


def test_errors_are_what_is_missing_and_what_is_too_much():
    volume, result, reference = scene()
    wrong = overlay._errors(result, reference)
    missed = (reference.voxels > 0) & (result.voxels == 0)
    assert (wrong.voxels[missed] == overlay.MISSED.value).all()
    assert (wrong.voxels[result.voxels == reference.voxels] == 0).all()
    figure = overlay.overlay_figure(volume, result, reference, errors=True)
    assert "Errors" in {text.get_text() for text in figure.texts}


def test_a_patient_that_was_learned_from_enters_no_mean() -> None:
    _volume, result, reference = scene()
    other, own = evaluate(result, reference), evaluate(reference, reference)
    page = Page("Hearts", cases=[CaseReport("A", evaluation=own, learned_from=True), CaseReport("B", evaluation=other)])
    tiles = render_page(page).partition('<div class="tiles">')[2].partition("<section>")[0]
    assert f"<b>{other.mean_dice:.3f}" in tiles
    assert own.mean_dice == 1
