"""All frames of a sequence through one job: what the browser plays in, a sequence of segmentations out that it plays
along with.

    plan = SequenceNodeJob.of(volume_node, "heart.samhead")     # the rest is as for ``SegmentNodeJob``

A sequence keeps its frames as nodes of a scene of its own; the volume in the views is the browser's *proxy* for the
frame that is chosen. So it is with the result: one segmentation node that shows what belongs to the chosen frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..data.image import Labelmap
from ..data.provenance import Provenance
from ..data.review import Review
from ..data.sequence.index import FrameIndex
from ..data.structure import Structure
from ..errors import Cancelled, InputError
from ..inference.config import InferenceConfig
from ..jobs.specs import SegmentJob
from ..progress import Monitor
from ..worker.folder import JobFolder
from .node_jobs import slice_axis
from .segmentation import CroppedLabels, Placement, contents, move_beside, node_of_labels
from .transforms import ijk_to_ras, is_alive, name_of
from .volume import VolumeSnapshot, capture_volume, channel_nodes, region_beyond, region_from_roi
from .voxel_copy import VoxelCopy, gather_now, gathered


def sequence_of(volume_node: Any) -> tuple[Any, Any] | None:
    """The browser node and the sequence node that a volume is the proxy of; None for a volume of its own, and for a
    sequence of one frame."""
    if not is_alive(volume_node):
        return None
    browsers = volume_node.GetScene().GetNodesByClass("vtkMRMLSequenceBrowserNode")
    browsers.UnRegister(None)
    for number in range(browsers.GetNumberOfItems()):
        browser = browsers.GetItemAsObject(number)
        sequence = browser.GetSequenceNode(volume_node)
        if sequence is not None and sequence.GetNumberOfDataNodes() > 1:
            return browser, sequence
    return None


@dataclass(eq=False)
class SequencePlacement(Placement):
    """``node`` is the proxy: the segmentation in the scene that follows the browser."""

    sequence: Any = None
    browser: Any = None

    def _held(self) -> tuple[Any, ...]:
        """Of all frames: the proxy changes with every one that is shown."""
        if not is_alive(self.sequence):
            return ()
        return tuple(contents(self.sequence.GetNthDataNode(n)) for n in range(self.sequence.GetNumberOfDataNodes()))

    def undo(self) -> None:
        """Take the sequence and its proxy back. Harmless when they are gone."""
        if is_alive(self.sequence):
            if is_alive(self.browser):
                self.browser.RemoveSynchronizedSequenceNode(self.sequence.GetID())
            self.sequence.GetScene().RemoveNode(self.sequence)
        if is_alive(self.node):
            self.node.GetScene().RemoveNode(self.node)


@dataclass(frozen=True, eq=False)
class SequenceNodeJob:
    """Segment all frames of which ``volume_node`` is the proxy. ``copies``: the voxels of each frame."""

    volume_node: Any
    browser: Any
    sequence: Any
    head: str
    capture: VolumeSnapshot
    copies: tuple[VoxelCopy, ...]
    config: InferenceConfig
    index: FrameIndex
    name: str | None = None
    region: tuple[int, ...] | None = None
    doubt: str = ""

    @classmethod
    def of(
        cls,
        volume_node: Any,
        head: str | Path,
        *,
        into: Any = None,
        roi: Any = None,
        name: str | None = None,
        **options: Any,
    ) -> SequenceNodeJob:
        """Main thread. ``roi`` is a markups ROI node; ``options`` are InferenceConfig's. Raises InputError, also for
        ``into``: results of several frames do not fit into one segmentation."""
        if into is not None:
            msg = f"The results of all frames do not fit into the segmentation {name_of(into)!r}."
            raise InputError(msg, "Choose none for the result: a sequence of segmentations is made.")
        if len(channel_nodes(volume_node)) > 1:
            msg = f"All frames of {name_of(volume_node[0])!r} cannot be segmented with further channels."
            raise InputError(msg, "Segment the frame that is shown alone.")
        volume_node = channel_nodes(volume_node)[0]
        capture = capture_volume(volume_node, later=True)
        found = sequence_of(volume_node)
        if found is None:
            msg = f"Volume {name_of(volume_node)!r} is not a frame of a sequence."
            raise InputError(msg, "Segment it alone.")
        browser, sequence = found
        count = sequence.GetNumberOfDataNodes()
        copies = tuple(_copy_of_frame(sequence, number, volume_node) for number in range(count))
        values = tuple(sequence.GetNthIndexValue(number) for number in range(count))
        index = FrameIndex(values, sequence.GetIndexName(), sequence.GetIndexUnit(), _kind_of(sequence))
        region = None if roi is None else region_from_roi(roi, volume_node)
        doubt = "" if roi is None else region_beyond(roi, volume_node)
        config = InferenceConfig(**options)
        return cls(volume_node, browser, sequence, str(head), capture, copies, config, index, name, region, doubt)

    def gather(self) -> Iterator[None]:
        """Copy the voxels. Main thread. Raises InputError when somebody changes them meanwhile."""
        return gathered(self.copies)

    def prepare(self, folder: JobFolder, monitor: Monitor | None = None) -> SegmentJob:
        """Write the frames into the folder. Raises InputError for one that cannot be used."""
        from ..data.sequence.writing import write_frames  # here, not above: the panel opens without SimpleITK

        if self.doubt and monitor is not None:
            monitor.warning(self.doubt)
        gather_now(self.copies)
        image, output = folder.file("image.nii"), folder.file("labels.nii")
        voxels = np.stack([replace(self.capture, voxels=copy.voxels).volume(monitor).voxels for copy in self.copies])
        write_frames(Path(image), voxels, self.capture.geometry, FrameIndex.counted(len(voxels)))
        return SegmentJob.of(self.config, image=image, head=self.head, output=output, region=self.region)

    def fetch(self, result: Mapping[str, Any]) -> list[CroppedLabels]:
        """Read what the job wrote, frame by frame, on exactly the volume's grid."""
        from ..data.sequence.frames import frames_in

        frames = frames_in(Path(result["output"]))
        if frames is None or frames.count != len(self.copies):
            msg = "The file of the result does not hold all frames."
            raise InputError(msg, "Is the disk full? Segment again.")
        structures = tuple(Structure.from_dict(item) for item in result["structures"])
        names = {item.value: item.name for item in structures}
        made = Provenance.from_dict(result.get("provenance"))
        made = made and replace(made, file_sha256="")  # the job's own file, which means nothing to others
        axis = slice_axis(self.capture.geometry, self.head, self.config.plane)
        cut = []
        for number in range(frames.count):
            voxels = np.ascontiguousarray(frames.image(number).voxels, np.uint16)
            labels = Labelmap(voxels, self.capture.geometry, structures).made_by(made)
            cut.append(CroppedLabels.of(labels, Review.of(labels.voxels, axis, names)))
        return cut

    def show(self, ready: list[CroppedLabels]) -> SequencePlacement:
        """Put a sequence of segmentations into the scene, which the volume's browser plays along.

        Raises Cancelled when the volume, its sequence or its browser went away meanwhile, or frames came or went.
        """
        import slicer

        lost = not (is_alive(self.browser) and is_alive(self.sequence) and is_alive(self.volume_node))
        if lost or self.sequence.GetNumberOfDataNodes() != len(ready):
            msg = f"The sequence of {name_of(self.volume_node)!r} is another one by now; the result is not shown."
            raise Cancelled(msg, "Segment it again.")
        scene = self.volume_node.GetScene()
        name = scene.GenerateUniqueName(self.name or f"{name_of(self.volume_node)} segmentation")
        made = [node_of_labels(labels, self.volume_node, name) for labels in ready]  # or raises: nothing is half there
        result = scene.AddNewNodeByClass("vtkMRMLSequenceNode", name)
        result.SetIndexName(self.sequence.GetIndexName())
        result.SetIndexUnit(self.sequence.GetIndexUnit())
        result.SetIndexType(self.sequence.GetIndexType())
        for value, (node, _ids) in zip(self.index.values, made, strict=True):
            result.SetDataNodeAtValue(node, value)  # which copies it
        self.browser.AddSynchronizedSequenceNode(result)
        self.browser.SetSaveChanges(result, True)  # else the next frame that is shown undoes what was corrected
        slicer.vtkSlicerSequencesLogic().UpdateProxyNodesFromSequences(self.browser)
        proxy = self.browser.GetProxyNode(result)
        _show_as_others(proxy, self.volume_node)
        return SequencePlacement(proxy, made[0][1], created=True, sequence=result, browser=self.browser)


def _show_as_others(proxy: Any, volume_node: Any) -> None:
    """A proxy of a segmentation has neither display nor a place beside its volume until somebody gives it them."""
    if proxy.GetDisplayNode() is None:
        proxy.CreateDefaultDisplayNodes()
    proxy.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    proxy.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
    move_beside(proxy, volume_node)


def _copy_of_frame(sequence: Any, number: int, volume_node: Any) -> VoxelCopy:
    """The voxels of a frame, still to be gathered. Raises InputError for a frame on another grid than the volume's."""
    node, what = sequence.GetNthDataNode(number), f"Frame {number + 1} of {name_of(sequence)!r}"
    image: Any = node.GetImageData() if node is not None and node.IsA("vtkMRMLScalarVolumeNode") else None
    scalars = image.GetPointData().GetScalars() if image is not None else None
    if scalars is None or scalars.GetNumberOfComponents() != 1:
        msg = f"{what} is not an image with one value a voxel."
        raise InputError(msg, "Take it out of the sequence, or segment the frame that is shown alone.")
    same_size = image.GetDimensions() == volume_node.GetImageData().GetDimensions()
    if not (same_size and np.allclose(ijk_to_ras(node), ijk_to_ras(volume_node), atol=1e-3)):
        msg = f"{what} lies on another grid than the frame that is shown."
        raise InputError(msg, "Segment the frames one by one, or resample them onto one grid.")
    return VoxelCopy(image, what)


def _kind_of(sequence: Any) -> str:
    return "numeric" if sequence.GetIndexTypeAsString() == "numeric" else "text"
