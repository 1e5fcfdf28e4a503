"""SAM's ViT encoders out of ``.pth`` checkpoints, with the modeling code of the segment-anything package.

Only ``segment_anything.modeling`` is used: the package itself imports torchvision. A checkpoint's architecture is
read off its tensors' shapes, so any SAM of this build (MedSAM, fine-tuned, smaller or larger) loads by its file alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import WeightsError
from ...progress import Monitor
from ...utils.segment_anything import import_sam_modeling
from ..base import Level, checked_of_vit
from ..runtimes import PRECISIONS, chosen
from ..torch_encoder import TorchEncoder, halve
from ..weights.checkpoints import read_checkpoint, require_finite
from . import decoder_weights as decoder
from .fused_attention import fuse_attention

_PREFIX = "image_encoder."


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
        hint = "SAM 2 and HQ-SAM are built otherwise. Choose a checkpoint of SAM, MedSAM, MobileSAM or LiteMedSAM."
        raise WeightsError(msg, hint) from error


class SamEncoder(TorchEncoder):
    """See ``base.Encoder``. Levels: ``neck`` after the last block, ``mid`` halfway, ``fine`` after a quarter.

    All of them have the same grid; early blocks know more of where a border is.
    """

    def _open(self, path: Path, input_size: int | None) -> str:
        self._model, shape = _load_model(path, self._device, input_size)
        self.input_size = shape.img_size
        self._blocks = {"fine": max(shape.depth // 4 - 1, 0), "mid": max(shape.depth // 2 - 1, 0)}
        self.levels = {
            "neck": Level(shape.out_chans, shape.grid),
            "mid": Level(shape.embed_dim, shape.grid),
            "fine": Level(shape.embed_dim, shape.grid),
        }
        self._precision = chosen("SAMADAPT_PRECISION", PRECISIONS) or "fp32"
        if self._precision == "bf16":
            halve(self._model)
        return "sam"

    def decoder_state(self, monitor: Monitor | None = None) -> dict[str, np.ndarray]:
        """See ``base.Encoder.decoder_state``; out of the same checkpoint."""
        return decoder.from_checkpoint(read_checkpoint(self._path), self._path.name)

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


def _load_model(path: Path, device: torch.device, input_size: int | None) -> tuple[nn.Module, VitArchitecture]:
    """The image encoder of a checkpoint, frozen, for pictures of that size, and its architecture then."""
    checkpoint = read_checkpoint(path)
    state = {name[len(_PREFIX) :]: value for name, value in checkpoint.items() if name.startswith(_PREFIX)}
    shape = architecture_of(state or checkpoint, path.name)
    model = shape.build()
    weights = {name: value.float() for name, value in (state or checkpoint).items()}
    with _explained(path):
        model.load_state_dict(weights, assign=True)
    require_finite(weights.values(), path.name)
    model.requires_grad_(False).eval()
    if input_size not in (None, shape.img_size):
        shape = _resized(model, shape, checked_of_vit(input_size, shape.img_size, path.name))
    fuse_attention(model, shape.grid)
    return model.to(device), shape


def _resized(model: Any, shape: VitArchitecture, size: int) -> VitArchitecture:
    """Stretch the position embeddings to another grid. Relative positions are stretched where they are used."""
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
