"""Reports of work that was done, as one HTML page each: from the answers of jobs and the files that they name.

Pictures are drawn from the files, so a report can be made of volumes that other processes segmented.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SAMAdaptError
from ..evaluation.report import CaseReport, Page, overlay_figure, png, write_page
from ..evaluation.report.page import Amount
from ..evaluation.report.ranking import by_certainty, by_dice

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..data.image import Labelmap, Volume
    from ..evaluation.metrics import Evaluation

MOST_PICTURES = 30
"""A page with more of them is slow on a phone: further volumes have their tables alone."""

RESEARCH = "Research software: not for clinical use."


def report_segmentations(
    path: Path, title: str, answers: Sequence[Mapping[str, Any]], head: Path, command: str
) -> None:
    """Write the page of volumes that were segmented.

    Args:
        path: the page, ``.html``.
        title: its heading.
        answers: of segment jobs, with ``image``, ``output``, ``structures``, ``warnings``, ``seconds`` and, if there is
            one, ``probabilities``, the file that says how sure the head is; with ``error`` instead where it failed.
        head: the head file.
        command: how it can be done again.

    Raises:
        InputError: the page cannot be written.
        DependencyError: matplotlib is missing.
    """
    from ..data.sequence.frames import frames_kept
    from ..heads.head import load_head

    with frames_kept():
        cases = [_segmented(answer, number < MOST_PICTURES) for number, answer in enumerate(answers)]
    card = load_head(head).card
    page = Page(title, f"Segmented with {card.name}", cases, card, command=command, notes=[RESEARCH])
    write_page(path, page)


def report_result(path: Path, volume: Volume, result: Labelmap, answer: Mapping[str, Any], head: Path) -> None:
    """Write the page of one volume and its result, which lie on one grid; ``answer`` is that of the segment job.

    Raises InputError, HeadFileError and DependencyError as above.
    """
    from ..heads.card import read_card

    picture = png(overlay_figure(volume, result, title=volume.name))
    case = CaseReport(
        volume.name, picture, seconds=answer.get("seconds"), amounts=_amounts(answer), warnings=_warnings(answer)
    )
    card = read_card(head).called_after(head)
    write_page(path, Page(volume.name, f"Segmented with {card.name}", [case], card, notes=[RESEARCH]))


def report_evaluation(
    path: Path, image: Path | None, prediction: Labelmap, reference: Labelmap, measured: Evaluation
) -> None:
    """Write the page of a comparison; with ``image`` the slices that came out worst, middling and best.

    Both labelmaps lie on one grid. Raises GeometryError when it is not the image's, else as above.
    """
    report_comparisons(path, prediction.name, reference.name, [compared_case(image, prediction, reference, measured)])


def report_comparisons(path: Path, prediction: str, reference: str, cases: Sequence[CaseReport]) -> None:
    """Write the page of comparisons, one a frame, say. Raises as above."""
    write_page(path, Page(f"{prediction} beside {reference}", "", list(cases), notes=[RESEARCH]))


def compared_case(image: Path | None, prediction: Labelmap, reference: Labelmap, measured: Evaluation) -> CaseReport:
    """What a page shows of one comparison. Raises GeometryError when their grid is not the image's."""
    picture = b""
    if image is not None:
        from ..data.io.volumes import on_grid_of, read_volume

        volume = read_volume(image)
        ours, theirs = (on_grid_of(each, volume, may_pad=True) for each in (prediction, reference))
        picture = _compared(volume, _called_alike(ours, theirs, measured), theirs, measured)
    return CaseReport(prediction.name, picture, measured)


def report_training(path: Path, head: Path, case: tuple[Path, Path], answer: Mapping[str, Any], command: str) -> None:
    """Write the page of a training: its curves, its card, and the first case with its annotation. Raises as above."""
    from ..data.io.volumes import on_grid_of, read_labelmap, read_volume
    from ..heads.head import load_head

    volume = read_volume(case[0])
    annotation = on_grid_of(read_labelmap(case[1]), volume, may_pad=True)
    figure = overlay_figure(volume, annotation, title=volume.name, names=("Image", "Annotation"))
    shown = CaseReport(f"Annotated: {volume.name or case[0].name}", png(figure), warnings=_warnings(answer))
    card = load_head(head).card
    write_page(path, Page(f"The model {card.name}", "", [shown], card, command=command, notes=[RESEARCH]))


def report_benchmark(path: Path, result: Mapping[str, Any], command: str) -> None:
    """Write the page of a benchmark: the spread over supports and structures, and what was measured. Raises as
    above."""
    from ..evaluation.report import benchmark_figure

    supports = result["supports"]
    dice, deviation = result.get("mean_dice"), result.get("sd_dice")
    words = "" if dice is None else f"Mean Dice {dice:.3f}" + ("" if deviation is None else f" ± {deviation:.3f}")
    rows = [
        f"{' + '.join(item['support'])}: {item['mean_dice']:.3f}" for item in supports if item["mean_dice"] is not None
    ]
    case = CaseReport("Dice on other patients", png(benchmark_figure(result)), note="; ".join(rows))
    write_page(path, Page("Benchmark", words, [case], command=command, notes=[RESEARCH]))


def _called_alike(ours: Labelmap, theirs: Labelmap, measured: Evaluation) -> Labelmap:
    """Our labels by the values of the reference: structures were matched by name, and may have others."""
    import numpy as np

    same = {row.value: row.reference_value for row in measured.structures if row.reference_value is not None}
    table = np.arange(int(ours.voxels.max(initial=0)) + 1, dtype=np.uint16)
    for value, reference in same.items():
        if value < len(table):
            table[value] = reference
    known = {structure.value: structure for structure in theirs.structures}
    structures = [known.get(int(value)) for value in np.unique(table[ours.voxels]) if value]
    return replace(ours.with_array(table[ours.voxels]), structures=tuple(filter(None, structures)))


def _segmented(answer: Mapping[str, Any], with_picture: bool) -> CaseReport:
    """One volume: its picture, what was found, what is to be doubted; or why there is no result."""
    name = Path(str(answer["image"])).name
    if "error" in answer:
        return CaseReport(name, note=f"Not segmented: {answer['error']['message']}")
    picture = _picture(answer) if with_picture else b""
    seconds = answer.get("seconds")
    return CaseReport(name, picture, seconds=seconds, amounts=_amounts(answer), warnings=_warnings(answer))


def _amounts(answer: Mapping[str, Any]) -> list[Amount]:
    """How much of each structure was found, and how surely."""
    return [
        Amount(row["name"], tuple(row.get("color") or (0.5, 0.5, 0.5)), row["volume_ml"], row["confidence"])
        for row in answer.get("structures", ())
    ]


def _picture(answer: Mapping[str, Any]) -> bytes:
    """Nothing where a file went away since: the page is still worth having."""
    from ..data.io.volumes import on_grid_of, read_labelmap, read_volume

    try:
        volume = read_volume(str(answer["image"]))
        result = on_grid_of(read_labelmap(str(answer["output"])), volume, may_pad=True)
        certainty = _certainty(answer)
    except SAMAdaptError:
        return b""
    choose = by_certainty(result, certainty) if certainty is not None else None
    return png(overlay_figure(volume, result, title=volume.name, choose=choose))


def _compared(volume: Volume, result: Labelmap, reference: Labelmap, measured: Evaluation) -> bytes:
    choose = by_dice(result, reference)
    return png(overlay_figure(volume, result, reference, evaluation=measured, errors=True, choose=choose))


def _certainty(answer: Mapping[str, Any]) -> NDArray[np.float32] | None:
    from ..data.io.volumes import read_volume

    path = answer.get("probabilities")
    return None if not path else read_volume(str(path)).voxels


def _warnings(answer: Mapping[str, Any]) -> list[str]:
    return [str(text) for text in answer.get("warnings", ())]
