"""Slicer's segmentation files (.seg.nrrd): a labelmap whose header names the segments.

The header's keys are Slicer's (``vtkMRMLSegmentationStorageNode``): ``Segment0_Name``, ``_ID``, ``_Color``,
``_LabelValue``, ``_Layer``, ``_Extent``, ``_Tags`` for each segment, and ``Segmentation_...`` for the whole. Segments
that overlap lie in several layers, which SimpleITK shows as a vector image. ``header_of`` writes what
``read_segmentation`` reads.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ...errors import InputError, SAMAdaptError
from ...utils.plaintext import cleaned, is_plain
from ..geometry import Geometry
from ..image import Labelmap
from ..provenance import HEAD_HASH_KEY, HEAD_KEY, KEY, Provenance
from ..structure import Structure, default_color

TERMINOLOGY_TAG = "TerminologyEntry"
CONFIDENCE_TAG = "SAMAdapt.Confidence"
_REFERENCE_PARAMETER = "Reference image geometry"
_SOURCE_REPRESENTATIONS = ("Segmentation_SourceRepresentation", "Segmentation_MasterRepresentation")
_SEGMENT_KEY = re.compile(r"Segment(\d{1,5})_(\w+)")


@dataclass(frozen=True)
class Segment:
    """What a header says about one segment, before its voxels are looked at."""

    name: str
    color: tuple[float, float, float] | None
    terminology: str
    confidence: float | None
    layer: int
    label_value: int

    def structure(self, value: int) -> Structure:
        """The structure that this segment is under a label value of the labelmap."""
        return Structure(value, self.name, self.color or default_color(value), self.terminology)


def is_segmentation(header: Mapping[str, str]) -> bool:
    """True when the keys of an image's header describe segments."""
    return any(_SEGMENT_KEY.fullmatch(key) for key in header)


def is_result_of_before(header: Mapping[str, str]) -> bool:
    """True for the header of a result by a version that did not yet say what made it.

    Slicer, which keeps the confidence when it saves a segmentation, writes many more conversion parameters.
    """
    parameters = [entry for entry in header.get("Segmentation_ConversionParameters", "").split("&") if entry]
    alone = len(parameters) == 1 and parameters[0].startswith(f"{_REFERENCE_PARAMETER}|")
    tags = [text for key, text in header.items() if key.endswith("_Tags")]
    found = any(f"{CONFIDENCE_TAG}:" in text and f"{HEAD_KEY}:" not in text for text in tags)
    return alone and found and KEY not in header


def header_of_image(image: sitk.Image | sitk.ImageFileReader) -> dict[str, str]:
    """The key-value pairs of an image's header, or of one that a reader has read, without those that are no text.

    SimpleITK cannot be asked for a key that is no text, nor for a value that is none in UTF-8.
    """
    pairs = {}
    for key in image.GetMetaDataKeys():
        if is_plain(key):
            with contextlib.suppress(TypeError, UnicodeError):
                pairs[key] = image.GetMetaData(key)
    return pairs


# --- reading ---------------------------------------------------------------------------------------------------------


def read_segmentation(voxels: NDArray, geometry: Geometry, header: Mapping[str, str], name: str = "") -> Labelmap:
    """The labelmap of a segmentation file's voxels, (k, j, i) or (k, j, i, layer), and header.

    It lies on the segmentation's reference grid where the header has one. Layers are merged. Label values are kept
    unless two layers share one; then segments are numbered from 1 in their order. Raises InputError for overlapping
    or fractional segments and unusable headers.
    """
    _refuse_fractions(header, name)
    layers = [voxels] if voxels.ndim == 3 else [voxels[..., layer] for layer in range(voxels.shape[-1])]
    segments = parse_segments(header, len(layers), name)
    values = _label_values(segments)
    array = _merged(layers, segments, values, name)
    confidence = {v: s.confidence for v, s in zip(values, segments, strict=True) if s.confidence is not None}
    structures = tuple(segment.structure(value) for value, segment in zip(values, segments, strict=True))
    labelmap = Labelmap(array, geometry, structures, confidence, name)
    reference = reference_geometry(header)
    if reference is None or reference.same_grid(labelmap.geometry):
        return labelmap
    return placed_on(labelmap, reference) or labelmap


def _refuse_fractions(header: Mapping[str, str], name: str) -> None:
    """Raises InputError when the voxels tell how much of them belongs to a segment: each amount would be a label."""
    source = next((header[key] for key in _SOURCE_REPRESENTATIONS if header.get(key)), "")
    if source.startswith("Fractional"):
        msg = f"{name or 'The segmentation'} is a fractional segmentation: its voxels belong to a structure in part."
        raise InputError(msg, "Convert it to a binary labelmap (Segmentations > Representations) and save it again.")


def parse_segments(header: Mapping[str, str], layers: int = 1, name: str = "") -> list[Segment]:
    """The segments of a header, in their order; ``layers`` is how many the file has.

    Missing keys take the values that old versions of Slicer meant. Raises InputError for damaged numbers.
    """
    grouped: dict[int, dict[str, str]] = {}
    for key, value in header.items():
        match = _SEGMENT_KEY.fullmatch(key)
        if match:
            grouped.setdefault(int(match[1]), {})[match[2]] = value
    try:
        return [_segment(number, grouped[number], layers) for number in sorted(grouped)]
    except ValueError as error:
        msg = f"{name or 'The segmentation'} has a damaged segment header ({error})."
        raise InputError(msg, "Save it again with 3D Slicer.") from error


def _segment(number: int, fields: Mapping[str, str], layers: int) -> Segment:
    tags = dict(tag.split(":", 1) for tag in fields.get("Tags", "").split("|") if ":" in tag)
    confidence = tags.get(CONFIDENCE_TAG)
    return Segment(
        name=_one_line(fields.get("Name", "")) or f"Segment {number + 1}",
        color=_parsed_color(fields["Color"]) if "Color" in fields else None,
        terminology=_one_line(tags.get(TERMINOLOGY_TAG, "")),
        confidence=None if confidence is None else float(confidence),
        # Slicer before 4.11 gave each segment a layer of its own with the value 1 and wrote neither key.
        layer=int(fields.get("Layer", number if layers > 1 else 0)),
        label_value=int(fields.get("LabelValue", 1)),
    )


def _parsed_color(text: str) -> tuple[float, float, float]:
    red, green, blue = (min(max(float(part), 0.0), 1.0) for part in text.split())
    return red, green, blue


def _one_line(text: str) -> str:
    return cleaned(" ".join(text.split()))


def _label_values(segments: list[Segment]) -> list[int]:
    """The value of each segment in the merged labelmap."""
    own = [segment.label_value for segment in segments]
    unique = len(set(own)) == len(own) and all(value > 0 for value in own)
    return own if unique else list(range(1, len(own) + 1))


def _merged(layers: list[NDArray], segments: list[Segment], values: list[int], name: str) -> NDArray:
    """One array (k, j, i) of all layers. Raises InputError where two segments claim a voxel."""
    if len(layers) == 1 and values == [segment.label_value for segment in segments]:
        return layers[0]
    merged = np.zeros(layers[0].shape, np.uint16)
    owner: dict[int, str] = {}
    for segment, value in zip(segments, values, strict=True):
        if not 0 <= segment.layer < len(layers):
            file = name or "the segmentation"
            msg = f"Segment {segment.name!r} of {file} lies in layer {segment.layer}, which is missing."
            raise InputError(msg, "Save the segmentation again with 3D Slicer.")
        mask = layers[segment.layer] == segment.label_value
        taken = merged[mask]
        if taken.any():
            other = owner[int(taken[taken > 0][0])]
            msg = (
                f"The segments {other!r} and {segment.name!r} of {name or 'the segmentation'} overlap "
                f"in {np.count_nonzero(taken)} voxels; each voxel may belong to one structure only."
            )
            raise InputError(msg, "Subtract one from the other (Segment Editor > Logical operators) and save again.")
        merged[mask] = value
        owner[value] = segment.name
    return merged


def reference_geometry(header: Mapping[str, str]) -> Geometry | None:
    """The grid of the image that was segmented, if the header tells it."""
    for entry in header.get("Segmentation_ConversionParameters", "").split("&"):
        key, _, rest = entry.partition("|")
        if key == _REFERENCE_PARAMETER:
            return _parsed_geometry(rest.partition("|")[0])
    return None


def _parsed_geometry(text: str) -> Geometry | None:
    """A grid from Slicer's 16 numbers of a RAS matrix and 6 of an extent, or None if they make no grid."""
    try:
        numbers = [float(part) for part in text.split(";") if part.strip()]
        matrix, extent = np.reshape(numbers[:16], (4, 4)), np.reshape(numbers[16:22], (3, 2)).astype(int)
        matrix[:, 3] = matrix @ [*extent[:, 0], 1]  # Slicer's indices start at the extent, ours at zero
        return Geometry.from_ras_matrix(tuple(extent[:, 1] - extent[:, 0] + 1), matrix)
    except (ValueError, SAMAdaptError):
        return None


def placed_on(labelmap: Labelmap, geometry: Geometry) -> Labelmap | None:
    """The labelmap cut or padded to ``geometry``, or None when that would need resampling or lose labels."""
    offset = geometry.offset_of(labelmap.geometry)
    if offset is None:
        return None
    out = np.zeros(geometry.shape, labelmap.voxels.dtype)
    pairs = [
        _overlap(start, own, full)
        for start, own, full in zip(offset[::-1], labelmap.geometry.shape, geometry.shape, strict=True)
    ]
    inside = labelmap.voxels[tuple(own for own, _ in pairs)]
    if np.count_nonzero(inside) < np.count_nonzero(labelmap.voxels):
        return None
    out[tuple(full for _, full in pairs)] = inside
    return Labelmap(out, geometry, labelmap.structures, labelmap.confidence, labelmap.name)


def _overlap(start: int, own: int, full: int) -> tuple[slice, slice]:
    """Where an axis of ``own`` voxels that begins at ``start`` meets one of ``full``: in own, in full indices."""
    first, last = min(max(start, 0), full), min(max(start + own, 0), full)
    return slice(first - start, last - start), slice(first, last)


# --- writing ---------------------------------------------------------------------------------------------------------


def header_of(labelmap: Labelmap) -> dict[str, str]:
    """The header with which 3D Slicer opens a labelmap as a segmentation with names, colours and terminology."""
    last = [size - 1 for size in labelmap.geometry.size]
    extent = f"0 {last[0]} 0 {last[1]} 0 {last[2]}"
    header = {
        "Segmentation_ContainedRepresentationNames": "Binary labelmap|",
        "Segmentation_ConversionParameters": f"{_REFERENCE_PARAMETER}|{_serialized(labelmap.geometry)}|&",
        "Segmentation_MasterRepresentation": "Binary labelmap",
        "Segmentation_ReferenceImageExtentOffset": "0 0 0",
    }
    for number, structure in enumerate(labelmap.structures):
        fields = {
            "ID": f"Segment_{structure.value}",
            "Name": structure.name,
            "NameAutoGenerated": "0",
            "Color": " ".join(f"{part:.6g}" for part in structure.color),
            "ColorAutoGenerated": "0",
            "LabelValue": str(structure.value),
            "Layer": "0",
            "Extent": extent,
            "Tags": _tags(structure, labelmap.confidence.get(structure.value), labelmap.provenance),
        }
        header.update({f"Segment{number}_{key}": value for key, value in fields.items()})
    return header


def _tags(structure: Structure, confidence: float | None, provenance: Provenance | None) -> str:
    tags = {}
    if structure.terminology:
        tags[TERMINOLOGY_TAG] = structure.terminology.replace("|", "/")  # the bar ends a tag
    if confidence is not None:
        tags[CONFIDENCE_TAG] = f"{confidence:.4f}"
    if provenance is not None:  # of all that says what made it, Slicer keeps tags alone when it saves a file again
        tags[HEAD_KEY] = provenance.head.replace("|", "/")
        tags[HEAD_HASH_KEY] = provenance.head_sha256
    return "".join(f"{key}:{value}|" for key, value in tags.items())


def _serialized(geometry: Geometry) -> str:
    """Slicer's text of a grid: 16 numbers of the index-to-RAS matrix, 6 of the extent; read by ``_parsed_geometry``."""
    extent = [number for size in geometry.size for number in (0, size - 1)]
    return "".join(f"{number!r};" for number in [*geometry.ras_matrix.ravel().tolist(), *extent])
