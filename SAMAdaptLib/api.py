"""The library's front door for Python: the verbs of the command line, on whatever a volume is at hand.

A volume is a path (a file or a DICOM series folder), a SimpleITK image, a ``Volume``, or in Slicer a volume node; a
labelmap likewise, in Slicer a segmentation or labelmap node. Heavy packages are loaded at the first call.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from .errors import InputError
from .progress import FRAME, Forwarding, Monitor, Silent

if TYPE_CHECKING:
    from .data.case import Case
    from .data.io.volumes import FrameVolumes, Labelmap, Volume
    from .evaluation.metrics import Evaluation
    from .heads.head import Head
    from .inference.config import InferenceConfig
    from .live.session import LiveSession as Session
    from .training.config import TrainingConfig


def train(
    cases: Any,
    config: TrainingConfig | None = None,
    *,
    unlabeled: Sequence[Any] = (),
    resample_labels: bool = False,
    **options: Any,
) -> Head:
    """Train a head on annotated volumes.

        head = samadapt.train(("ct.nii.gz", "liver.seg.nrrd"), budget="fast")
        samadapt.save_head(head, "liver.samhead")

    Args:
        cases: one pair (image, labels), a sequence of such pairs, or of ``Case``.
        config: the options; None: the defaults.
        unlabeled: more volumes to adapt to.
        resample_labels: whether to put labels on their image's grid if it differs (nearest voxel).
        options: fields of ``TrainingConfig`` that are to be others (``encoder``, ``head``, ``plane``, ``intensity``,
            ``annotated_slices_only``, ``ignore_label``, ``budget``, ``seed``, ``device``, ``input_size``), and
            ``name``, ``monitor``, ``start_from``.

    Raises:
        InputError: and its kin.
    """
    from .training.train import train as run

    monitor = options.get("monitor") or Silent()
    pairs = [cases] if _is_pair(cases) else list(cases)
    volumes = [_as_case(pair, resample_labels, monitor) for pair in pairs]
    return run(volumes, config=config, unlabeled=[as_volume(item, monitor) for item in unlabeled], **options)


def channels(first: Any, *others: Any, monitor: Monitor | None = None) -> Volume:
    """One volume of several co-registered images on one grid, as ``train`` and ``segment`` take it: two or three.

        brain = samadapt.channels("t1.nii.gz", "t2.nii.gz", "flair.nii.gz")
        head = samadapt.train((brain, "labels.seg.nrrd"))

    Each is what ``segment`` takes. A head that learned from several needs as many in the same order, and says so.
    Raises InputError for more than three, GeometryError for another grid.
    """
    from .data.channels import together

    return together(as_volume(first, monitor), [as_volume(other, monitor) for other in others])


def frames(source: Any) -> FrameVolumes:
    """The volumes of a file with several of them, one after the other: a sequence that reads each when it is asked for.

        cine = samadapt.frames("cine.nii.gz")
        labelmaps = samadapt.segment(cine, "heart.samhead")  # one for each frame
        head = samadapt.train((cine[0], "end-diastole.seg.nrrd"))

    A path of NIfTI with four dimensions, a sequence of Slicer (.seq.nrrd, .seq.mrb), MHA, or NRRD. ``cine.frame_index``
    tells when each frame was taken. Raises InputError, also for a file that holds a single volume.
    """
    from .data.io.volumes import FrameVolumes

    return FrameVolumes(Path(source))


@overload
def segment(
    volume: Sequence[Any], head: Any, config: InferenceConfig | None = None, **options: Any
) -> list[Labelmap]: ...


@overload
def segment(volume: Any, head: Any, config: InferenceConfig | None = None, **options: Any) -> Labelmap: ...


def segment(volume: Any, head: Any, config: InferenceConfig | None = None, **options: Any) -> Labelmap | list[Labelmap]:
    """Segment a volume with a head; the labelmap lies on the volume's own grid.

        labelmap = samadapt.segment("other-ct.nii.gz", "liver.samhead")
        labelmap.voxels  # (k, j, i)

    Args:
        volume: what to segment; of a sequence of volumes (a list, or ``frames(path)``) each is, and a list returned.
        head: a ``Head``, or a head file's path.
        config: the options; None: the defaults.
        options: fields of ``InferenceConfig`` that are to be others (``device``, ``plane``, ``planes``, ``tta``,
            ``smoothing``, ``largest_component``), and ``encoder`` (also by name), ``region``, ``monitor``.

    Raises:
        InputError: and its kin.
    """
    from .inference.config import InferenceConfig
    from .inference.segment import segment as run
    from .inference.stage import load_encoder_for

    monitor = options.get("monitor") or Silent()
    chosen = load_head(head)
    if isinstance(options.get("encoder"), str):
        device = options.get("device") or (config or InferenceConfig()).device
        options["encoder"] = load_encoder_for(chosen, options["encoder"], device, monitor)
    if not _is_sequence(volume):
        return run(as_volume(volume, monitor), chosen, config=config, **options)
    count, found = len(volume), []
    for number, one in enumerate(volume, 1):
        options["monitor"] = Forwarding(monitor, FRAME.text(number=number, count=count, stage=""))
        found.append(run(as_volume(one, options["monitor"]), chosen, config=config, **options))
    return found


def evaluate(
    prediction: Any, reference: Any, *, tolerance_mm: float | None = None, values: Iterable[int] | None = None,
    resample_labels: bool = False, by_value: bool = False,
) -> Evaluation:  # fmt: skip
    """Compare two labelmaps: Dice, NSD at ``tolerance_mm``, HD95 in mm and volumes in ml of each structure.

    Structures are matched by name where both have names, unless ``by_value``. Raises InputError for names that
    contradict one another, GeometryError when their grids differ and ``resample_labels`` is off.
    """
    from .data.io.volumes import voxel_for_voxel
    from .evaluation.metrics import DEFAULT_TOLERANCE_MM
    from .evaluation.metrics import evaluate as run

    wanted = as_labelmap(reference)
    found = as_labelmap(prediction, like=wanted if resample_labels else None, resample=resample_labels)
    found = voxel_for_voxel(found, wanted) or found
    return run(found, wanted, DEFAULT_TOLERANCE_MM if tolerance_mm is None else tolerance_mm, values, by_value)


def load_head(path: Any) -> Head:
    """The head in a ``.samhead`` file; a ``Head`` comes back as it is. Raises HeadFileError."""
    from .heads.head import Head
    from .heads.head import load_head as run

    if isinstance(path, Head):
        return path
    if not isinstance(path, str | os.PathLike):
        msg = f"A head is a Head or the path of a .samhead file, not a {type(path).__name__}."
        raise InputError(msg)
    return run(Path(path))


def save_head(head: Head, path: str | Path) -> Path:
    """Write a head to a ``.samhead`` file, whole or not at all; gives the path. Raises InputError."""
    from .heads.head import save_head as run

    return run(head, path)


def LiveSession(volume: Any, labels: Any = None, **options: Any) -> Session:  # noqa: N802  a class to its callers
    """A live session on a partly annotated volume: see ``SAMAdaptLib.live.session.LiveSession``, which this makes.

    ``options`` are its own: ``plane``, ``encoder``, ``input_size``, ``intensity``, ``device``, ``seed``,
    ``background``, ``ignore``, ``monitor``. Labels on another grid than the volume's are resampled. Raises InputError
    and its kin.

        session = samadapt.LiveSession("mr.nii.gz", "three-slices.seg.nrrd")
        filled = session.complete()
    """
    from .live.session import LiveSession as Session

    monitor = options.get("monitor") or Silent()
    return Session(as_volume(volume, monitor), labels, reader=as_labelmap, **options)


def as_volume(source: Any, monitor: Monitor | None = None) -> Volume:
    """A ``Volume`` of a path, a SimpleITK image, a MRML volume node or a ``Volume``. Raises InputError."""
    from .data.io.volumes import Volume, read_volume

    monitor = monitor or Silent()
    if isinstance(source, Volume):
        return source
    if isinstance(source, str | os.PathLike):
        return read_volume(source, monitor=monitor)
    if _is_node(source):
        from .mrml import read_volume_node

        return read_volume_node(source, monitor)
    if _is_sitk(source):
        return Volume.from_sitk(source, monitor=monitor)
    return _refuse("A volume", source)


def as_labelmap(source: Any, like: Any = None, resample: bool = False, monitor: Monitor | None = None) -> Labelmap:
    """A ``Labelmap`` of a path, a SimpleITK image, a MRML node or a ``Labelmap``.

    ``like`` is the Volume or Labelmap whose grid it must have; ``resample`` puts it there instead of refusing. Doubts
    about a file are told to ``monitor``.
    Raises InputError, GeometryError.
    """
    from .data.io.volumes import Labelmap, on_grid_of, read_labelmap

    if isinstance(source, str | os.PathLike):
        return read_labelmap(source, like=like, resample=resample, monitor=monitor)
    if isinstance(source, Labelmap):
        labelmap = source
    elif _is_node(source):
        from .mrml import read_labelmap_node

        labelmap = read_labelmap_node(source, like)
    elif _is_sitk(source):
        labelmap = Labelmap.from_sitk(source)
    else:
        return _refuse("A labelmap", source)
    if resample and like is not None and not labelmap.geometry.same_grid(like.geometry):
        return on_grid_of(labelmap, like, resample=True, monitor=monitor)
    return labelmap


def _as_case(source: Any, resample: bool, monitor: Monitor) -> Case:
    from .data.case import Case

    if isinstance(source, Case):
        return source
    if not _is_pair(source):
        msg = f"A case is a pair (image, labels); found {type(source).__name__}."
        raise InputError(msg, "Give cases=[(image, labels), ...].")
    volume = as_volume(source[0], monitor)
    return Case(volume, as_labelmap(source[1], like=volume, resample=resample, monitor=monitor))


def _is_pair(source: Any) -> bool:
    """A pair (image, labels), as opposed to a list of two pairs or of two cases."""
    if not isinstance(source, tuple | list) or len(source) != 2:
        return False
    return not any(isinstance(part, tuple | list) or _is_case(part) for part in source)


def _is_sequence(source: Any) -> bool:
    """Several volumes, as opposed to one, whatever it is."""
    return isinstance(source, Sequence) and not isinstance(source, str | bytes)


def _is_case(source: Any) -> bool:
    return hasattr(source, "volume") and hasattr(source, "labelmap")


def _is_node(source: Any) -> bool:
    return hasattr(source, "IsA") and bool(source.IsA("vtkMRMLNode"))


def _is_sitk(source: Any) -> bool:
    return type(source).__module__.partition(".")[0] == "SimpleITK"


def _refuse(what: str, source: Any) -> Any:
    msg = f"{what} is a path, a SimpleITK image, a MRML node or the library's own; found {type(source).__name__}."
    raise InputError(msg)
