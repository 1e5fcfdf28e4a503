"""Annotated hearts from a folder with images/ and labels/, such as ACDC's, loaded into the stand-in application."""

from __future__ import annotations

from pathlib import Path
from typing import Any

STRUCTURES = (
    ("Right ventricle", (0.27, 0.52, 0.78)),
    ("Myocardium", (0.87, 0.62, 0.28)),
    ("Left ventricle", (0.82, 0.3, 0.3)),
)


def patients(folder: Path) -> dict[str, list[Path]]:
    """The image files of each patient: what stands before the first underscore of a name is the patient."""
    found: dict[str, list[Path]] = {}
    for path in sorted((folder / "images").iterdir()):
        found.setdefault(path.name.split("_")[0], []).append(path)
    return found


def load_case(host: Any, folder: Path, image: Path, name: str) -> tuple[Any, Any]:
    """A volume node called ``name`` and its annotation, a segmentation node called ``name`` annotation."""
    volume = host.load(image)
    volume.SetName(name)
    labels = host.load(folder / "labels" / image.name, labelmap=True)
    return volume, _annotation(host, volume, labels)


def _annotation(host: Any, volume: Any, labels: Any) -> Any:
    node = host.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", f"{volume.GetName()} annotation")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    host.slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(labels, node)
    host.scene.RemoveNode(labels)
    segmentation = node.GetSegmentation()
    for number, (name, color) in enumerate(STRUCTURES[: segmentation.GetNumberOfSegments()]):
        segment = segmentation.GetNthSegment(number)
        segment.SetName(name)
        segment.SetColor(*color)
    return node
