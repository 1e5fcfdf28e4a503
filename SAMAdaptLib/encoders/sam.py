"""SAM's ViT encoders out of ``.pth`` checkpoints, with the modeling code of the segment-anything package.

Only ``segment_anything.modeling`` is used: the package itself imports torchvision. A checkpoint's architecture is
read off its tensors' shapes, so any SAM of this build (MedSAM, fine-tuned, smaller or larger) loads by its file alone.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..devices import hardware, resolve_device
from ..errors import DependencyError, InputError, MemoryExhausted, WeightsError
from ..faults import out_of_memory
from ..progress import Monitor, Silent
from . import canvas, decoder, speed
from .attention import fuse_attention
from .base import Level, check_levels, fingerprint
from .registry import EncoderEntry
from .runtimes import PRECISIONS, chosen

_PREFIX = "image_encoder."
_PRIVATE_NAME = "SAMAdaptLib._segment_anything_modeling"
_INSTALL = "Run: pip install --no-deps segment-anything==1.0"
_GPU_BATCH = 4


@dataclass(frozen=True)
class SamModeling:
    """The classes of segment-anything that SAMAdapt builds on."""

    ImageEncoderViT: Any
    MaskDecoder: Any
    PromptEncoder: Any
    TwoWayTransformer: Any
    LayerNorm2d: Any
    Sam: Any


@lru_cache(maxsize=1)
def import_sam_modeling() -> SamModeling:
    """segment-anything's model classes, without its ``__init__``, which needs torchvision.

    The folder is loaded under a private name, so a later ``import segment_anything`` elsewhere stays what it was.
    Raises DependencyError when the package is missing or is another one of that name.
    """
    found = importlib.util.find_spec("segment_anything")
    roots = list(found.submodule_search_locations or []) if found else []
    start = Path(roots[0]) / "modeling" / "__init__.py" if roots else Path()
    if not start.is_file():
        msg = "The Python package segment-anything is not installed; SAM's ViT encoders and the autosam head need it."
        raise DependencyError(msg, _INSTALL)
    spec = importlib.util.spec_from_file_location(_PRIVATE_NAME, start, submodule_search_locations=[str(start.parent)])
    if spec is None or spec.loader is None:
        msg = f"The file {start} cannot be imported."
        raise DependencyError(msg, _INSTALL)
    module = importlib.util.module_from_spec(spec)
    sys.modules[_PRIVATE_NAME] = module
    try:
        spec.loader.exec_module(module)
        return SamModeling(
            module.ImageEncoderViT,
            module.MaskDecoder,
            module.PromptEncoder,
            module.TwoWayTransformer,
            sys.modules[f"{_PRIVATE_NAME}.common"].LayerNorm2d,
            module.Sam,
        )
    except (ImportError, AttributeError, KeyError) as error:
        sys.modules.pop(_PRIVATE_NAME, None)
        msg = f"The Python package segment-anything in {roots[0]} cannot be used ({error})."
        raise DependencyError(msg, _INSTALL) from error


@dataclass(frozen=True)
class VitArchitecture:
    """The numbers that make one of SAM's image encoders, as its constructor takes them."""

    img_size: int
    patch_size: int
    embed_dim: int
    depth: int
    num_heads: int
    mlp_ratio: float
    out_chans: int
    window_size: int
    global_attn_indexes: tuple[int, ...]

    @property
    def grid(self) -> int:
        """Side of the feature maps."""
        return self.img_size // self.patch_size

    def build(self) -> nn.Module:
        """The network without memory for its weights (on torch's meta device)."""
        with torch.device("meta"):
            model: nn.Module = import_sam_modeling().ImageEncoderViT(
                **vars(self), norm_layer=partial(nn.LayerNorm, eps=1e-6), qkv_bias=True, use_rel_pos=True
            )
        return model


def architecture_of(state: Mapping[str, Tensor], source: str) -> VitArchitecture:
    """Read the architecture off an image encoder's tensors (names without ``image_encoder.``).

    ``source`` names the file in the WeightsError that is raised when the tensors are no SAM ViT.
    """
    try:
        patches = state["patch_embed.proj.weight"]  # (dim, 3, patch, patch)
        depth = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
        # One row for each relative position: 2 * side - 1 of the window, or of the whole grid in global blocks.
        sides = [(state[f"blocks.{index}.attn.rel_pos_h"].shape[0] + 1) // 2 for index in range(depth)]
        grid, dim = int(state["pos_embed"].shape[1]), int(patches.shape[0])
        windows = [side for side in sides if side != grid]
        return VitArchitecture(
            img_size=grid * int(patches.shape[2]),
            patch_size=int(patches.shape[2]),
            embed_dim=dim,
            depth=depth,
            num_heads=dim // int(state["blocks.0.attn.rel_pos_h"].shape[1]),
            mlp_ratio=state["blocks.0.mlp.lin1.weight"].shape[0] / dim,
            out_chans=int(state["neck.0.weight"].shape[0]),
            window_size=windows[0] if windows else 0,
            global_attn_indexes=tuple(index for index, side in enumerate(sides) if side == grid),
        )
    except (KeyError, ValueError, IndexError) as error:
        msg = f"{source} holds no SAM ViT image encoder ({error} not found)."
        hint = "SAM 2, HQ-SAM and MobileSAM's .pt are built otherwise. For MobileSAM choose the encoder mobile_sam."
        raise WeightsError(msg, hint) from error


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """A checkpoint's tensors by segment-anything's names; large ones stay on disk until used. No code is run.

    Training checkpoints keep the weights under ``model`` or ``state_dict``, and behind ``module.``: both are undone.
    Raises WeightsError when the file is no such checkpoint.
    """
    content = _loaded(path)
    for key in ("model", "state_dict", "model_state_dict"):
        inner = content.get(key) if isinstance(content, Mapping) else None
        content = inner if isinstance(inner, Mapping) else content
    if not isinstance(content, Mapping):
        msg = f"{path.name} holds no weights, but a {type(content).__name__}."
        raise WeightsError(msg, "Choose a checkpoint that was saved as a state dict.")
    return {str(key).removeprefix("module."): value for key, value in content.items() if isinstance(value, Tensor)}


def _loaded(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as first:  # torch raises what its parser and its pickle reader happen to raise.
        try:
            return torch.load(path, map_location="cpu", weights_only=True)  # The format before torch 1.6.
        except Exception as error:
            reason = (str(first).strip().splitlines() or [type(first).__name__])[0]
            msg = f"{path.name} cannot be read as a checkpoint: {reason}"
            raise WeightsError(msg, "Fetch it again. Checkpoints that carry code are refused.") from error


class SamEncoder:
    """See ``base.Encoder``. Levels: ``neck`` after the last block, ``mid`` halfway, ``fine`` after a quarter.

    All of them have the same grid; early blocks know more of where a border is.
    """

    def __init__(
        self,
        path: Path,
        sha256: str,
        *,
        entry: EncoderEntry | None = None,
        device: str = "auto",
        threads: int | None = None,
        input_rule: str = "",
        input_size: int | None = None,
        monitor: Monitor | None = None,
    ) -> None:
        """Load the checkpoint at ``path``.

        ``input_size``: side in pixels of what the encoder sees, less than it was trained on for speed (512, 768).
        Raises WeightsError, DependencyError, or InputError for the device or the size.
        """
        self.name = entry.name if entry else path.stem
        self.sha256 = sha256
        self._path = path
        self._device = resolve_device(device)
        self.device = str(self._device)
        if threads and self._device.type == "cpu":
            torch.set_num_threads(threads)
        self._threads = threads
        self.monitor = monitor or Silent()
        self._model, shape = _load_model(path, self._device, input_size)
        self.input_size = shape.img_size
        self._blocks = {"fine": max(shape.depth // 4 - 1, 0), "mid": max(shape.depth // 2 - 1, 0)}
        self.levels: Mapping[str, Level] = {
            "neck": Level(shape.out_chans, shape.grid),
            "mid": Level(shape.embed_dim, shape.grid),
            "fine": Level(shape.embed_dim, shape.grid),
        }
        self._rule = input_rule or (entry.input_rule if entry else "sam")
        self._precision = _precision(self.monitor)
        if self._precision == "bf16":
            _halve(self._model)
        self.fingerprint = fingerprint(sha256, self._precision, self._rule, self.input_size)
        self.batch = 1 if self._device.type == "cpu" else _GPU_BATCH  # Larger ones gain nothing on a CPU.

    def encode(self, canvases: np.ndarray, levels: Sequence[str] = ("neck",)) -> dict[str, np.ndarray]:
        """See ``base.Encoder.encode``. Raises MemoryExhausted when the processor has no memory for one picture.

        A GPU computes while the next pictures are prepared: it is asked for a batch before, and for the features after.
        """
        asked = check_levels(levels, self.levels, self.name)
        pictures = canvas.check_canvases(canvases, self.name)
        result = {level: np.empty((len(pictures), *_shape(self.levels[level])), dtype=np.float32) for level in asked}
        start, inputs = 0, self._inputs(pictures[: self.batch])
        while start < len(pictures):
            try:
                found = self._features(inputs, asked)
            except MemoryExhausted:
                if not self._made_smaller(len(inputs)):
                    raise
                inputs = inputs[: self.batch]
                continue
            part = slice(start, start + len(inputs))
            inputs = self._inputs(pictures[part.stop : part.stop + self.batch])
            for level, features in found.items():
                result[level][part] = features.float().contiguous().cpu().numpy()
            start = part.stop
        return result

    def _inputs(self, pictures: np.ndarray) -> Tensor:
        """Pictures as the network takes them, (N, 3, S, S) float32, where a CUDA device gets them without waiting."""
        pinned = self._device.type == "cuda" and torch.cuda.is_available()
        inputs = torch.empty(len(pictures), 3, self.input_size, self.input_size, pin_memory=pinned)
        for place, picture in zip(inputs.numpy(), canvas.prepared(pictures, self.input_size, self._rule), strict=True):
            place[:] = picture
        return inputs

    def _made_smaller(self, count: int) -> bool:
        """Ask for less of the device from now on, and say so: half of the batch, then the processor. False: no way."""
        if count > 1:
            self.batch = count // 2
            self.monitor.warning(f"{self.device} has too little memory for {count} slices at once: {self.batch} now.")
            return True
        if self._device.type == "cpu":
            return False
        self.monitor.warning(f"{self.device} has too little memory for {self.name}: it goes on on the processor.")
        self._device, self.device = torch.device("cpu"), "cpu"
        self._model = self._model.to(self._device)
        return True

    def seconds_per_slice(self) -> float:
        """See ``base.Encoder.seconds_per_slice``."""
        return speed.seconds_per_slice(self, hardware(self._device), "torch", str(self._threads or 0))

    def decoder_state(self, monitor: Monitor | None = None) -> dict[str, np.ndarray]:
        """See ``base.Encoder.decoder_state``; out of the same checkpoint."""
        return decoder.from_checkpoint(read_checkpoint(self._path), self._path.name)

    def _features(self, inputs: Tensor, asked: tuple[str, ...]) -> dict[str, Tensor]:
        """Features (N, C, h, w) on the device, of inputs (N, 3, S, S)."""
        lower = torch.autocast(self._device.type, torch.bfloat16, enabled=self._precision == "bf16")
        try:
            with torch.inference_mode(), lower:
                return self._forward(inputs.to(self._device, non_blocking=True), asked)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            msg = f"A batch of {len(inputs)} slices does not fit into the memory of {self.device} with {self.name}."
            raise MemoryExhausted(msg, "Choose a smaller encoder, or the device cpu.") from error

    def _forward(self, inputs: Tensor, asked: tuple[str, ...]) -> dict[str, Tensor]:
        """ImageEncoderViT.forward, keeping the asked blocks' outputs and stopping after the last one needed."""
        model: Any = self._model
        taps = {level: self._blocks[level] for level in asked if level != "neck"}
        tokens = model.patch_embed(inputs) + model.pos_embed
        result: dict[str, Tensor] = {}
        for index, block in enumerate(model.blocks):
            tokens = block(tokens)
            for level in [level for level, wanted in taps.items() if wanted == index]:
                result[level] = tokens.permute(0, 3, 1, 2)
            if len(result) == len(asked):
                return result
        result["neck"] = model.neck(tokens.permute(0, 3, 1, 2))
        return result


def _shape(level: Level) -> tuple[int, int, int]:
    return level.channels, level.size, level.size


def _load_model(path: Path, device: torch.device, input_size: int | None) -> tuple[nn.Module, VitArchitecture]:
    """The image encoder of a checkpoint, frozen, for pictures of that size, and its architecture then."""
    checkpoint = read_checkpoint(path)
    state = {name[len(_PREFIX) :]: value for name, value in checkpoint.items() if name.startswith(_PREFIX)}
    shape = architecture_of(state or checkpoint, path.name)
    model = shape.build()
    weights = {name: value.float() for name, value in (state or checkpoint).items()}
    with _explained(path):
        model.load_state_dict(weights, assign=True)
    model.requires_grad_(False).eval()
    if input_size not in (None, shape.img_size):
        shape = _resized(model, shape, int(input_size or 0), path.name)
    fuse_attention(model, shape.grid)
    return model.to(device), shape


def _precision(monitor: Monitor) -> str:
    """fp32, or bf16 where it is asked for."""
    asked = chosen("SAMADAPT_PRECISION", PRECISIONS)
    if asked == "int8":
        monitor.warning("SAM's ViTs are not computed in int8: it is fp32.")
    return "bf16" if asked == "bf16" else "fp32"


def _halve(model: nn.Module) -> None:
    """Keep the weights of products in bf16: autocast would convert them again for every picture."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.to(torch.bfloat16)


def _resized(model: Any, shape: VitArchitecture, size: int, source: str) -> VitArchitecture:
    """Stretch the position embeddings to another grid. Relative positions are stretched where they are used."""
    if size < 256 or size % 256:
        msg = f"{source} cannot work on pictures of {size} pixels a side."
        raise InputError(msg, f"Choose a multiple of 256, such as 512 or 768; {shape.img_size} is its own.")
    resized = replace(shape, img_size=size)
    positions = model.pos_embed.data.permute(0, 3, 1, 2)
    grid = (resized.grid, resized.grid)
    stretched = nn.functional.interpolate(positions, size=grid, mode="bicubic", align_corners=False)
    model.pos_embed = nn.Parameter(stretched.permute(0, 2, 3, 1).contiguous(), requires_grad=False)
    return resized


@contextlib.contextmanager
def _explained(path: Path) -> Any:
    """Tell torch's list of names that do not fit as one of our errors."""
    try:
        yield
    except RuntimeError as error:
        lines = str(error).strip().splitlines()
        msg = f"The tensors of {path.name} do not fit a SAM ViT: {lines[min(1, len(lines) - 1)].strip()[:300]}"
        raise WeightsError(msg, "It may come from a changed architecture, which is not supported.") from error
