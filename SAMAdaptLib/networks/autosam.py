"""The paper's AutoSAM head: SAM's mask decoder without prompts, one token set a class, all its weights trained.

Source: Hu, Xu, Shi, arXiv 2306.13731 (the ViT head). Unlike the released code the positional encoding is SAM's own,
to which the decoder's weights are used, and the decoder starts from SAM's weights where they can be had.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..utils.segment_anything import import_sam_modeling
from .base import HeadModule
from .two_way_attention import two_way

SAM_MASK_TOKENS = 4


class AutoSAMHead(HeadModule):
    """Two-way transformer between class tokens and the neck; logits at 256x256. About 3.9 M parameters.

    Raises DependencyError when the segment-anything package is missing.
    """

    type_name = "autosam"
    loss_size = 256

    def __init__(self, channels: Mapping[str, int], classes: int) -> None:
        super().__init__(channels, classes)
        modeling = import_sam_modeling()
        width = self.channels["neck"]
        self.transformer = modeling.TwoWayTransformer(depth=2, embedding_dim=width, mlp_dim=2048, num_heads=8)
        self.tokens = nn.Parameter(_drawn(classes, width).mul_(0.02))
        self.no_mask_embed = nn.Parameter(torch.zeros(1, width))
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(width, width // 4, kernel_size=2, stride=2),
            modeling.LayerNorm2d(width // 4),
            nn.GELU(),
            nn.ConvTranspose2d(width // 4, width // 8, kernel_size=2, stride=2),
            nn.GELU(),
        )
        self.hypernetworks = nn.ModuleList(_mlp(width, width // 8) for _ in range(classes))
        self.pe_gaussian: Tensor
        self.register_buffer("pe_gaussian", _drawn(2, width // 2))

    def start_from_sam(self, state: Mapping[str, Tensor]) -> None:
        """Take SAM's mask decoder (keys of segment-anything's ``MaskDecoder.state_dict``) as the starting point.

        Also ``pe_gaussian`` (2, C/2) and ``no_mask_embed`` (1, C) of the prompt encoder. Each class starts from the
        token and the hypernetwork of one of SAM's four masks, tokens with a little noise so that classes can part.
        """
        for name in ("transformer", "output_upscaling"):
            prefix = f"{name}."
            part = {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}
            getattr(self, name).load_state_dict(part)
        with torch.no_grad():
            self.pe_gaussian.copy_(state["pe_gaussian"])
            self.no_mask_embed.copy_(state["no_mask_embed"])
            sam_tokens = state["mask_tokens.weight"]
            for index in range(self.classes):
                token = sam_tokens[index % SAM_MASK_TOKENS]
                self.tokens[index] = token + 0.1 * token.std() * torch.randn_like(token)
        for index, network in enumerate(self.hypernetworks):
            _load_hypernetwork(network, state, index % SAM_MASK_TOKENS)

    def forward(self, features: dict[str, Tensor], image: Tensor) -> Tensor:
        neck = features["neck"]
        count, _, height, breadth = neck.shape
        cells = neck.flatten(2).transpose(1, 2).contiguous() + self.no_mask_embed
        position = self._position(height, breadth).flatten(1).transpose(0, 1)
        hidden, cells = two_way(self.transformer, cells, position, self.tokens.expand(count, -1, -1))
        weights = torch.stack([network(hidden[:, i]) for i, network in enumerate(self.hypernetworks)], dim=2)
        return _picture(self._upscaled(cells) @ weights, height, breadth)

    def _upscaled(self, cells: Tensor) -> Tensor:
        """``output_upscaling`` of cells (B, N, C): (B, N * 4 * 4, C/8), each cell's parts together.

        Where channels are last, its layers are products and need not move what they give; ``_picture`` moves the
        logits, which are fewer.
        """
        layers: Any = self.output_upscaling
        first, norm, _, second, _ = layers
        halves = _four_of_each(first.weight, first.bias, cells)
        halves = nn.functional.layer_norm(halves, norm.weight.shape, norm.weight, norm.bias, norm.eps)
        return nn.functional.gelu(_four_of_each(second.weight, second.bias, nn.functional.gelu(halves)))

    def _position(self, height: int, width: int) -> Tensor:
        """SAM's positional encoding of a grid, (C, height, width)."""
        device = self.pe_gaussian.device
        y = (torch.arange(height, device=device) + 0.5) / height
        x = (torch.arange(width, device=device) + 0.5) / width
        grid = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1)
        angles = 2 * math.pi * ((2 * grid - 1) @ self.pe_gaussian)
        return torch.cat([angles.sin(), angles.cos()], dim=-1).permute(2, 0, 1)


def _drawn(*shape: int) -> Tensor:
    """Normally distributed numbers; none where networks are built without memory: torch would take seconds for it."""
    empty = torch.empty(shape)
    return empty if empty.is_meta else empty.normal_()


def _four_of_each(weight: Tensor, bias: Tensor, cells: Tensor) -> Tensor:
    """A transposed convolution that makes 2x2 cells of each one, its weight (C, C', 2, 2) and bias (C'), as a product.

    Of cells (B, N, C) come (B, N * 4, C'), the four of a cell together.
    """
    rows = weight.permute(2, 3, 1, 0).flatten(0, 2)
    return nn.functional.linear(cells, rows, bias.repeat(4)).unflatten(2, (4, -1)).flatten(1, 2)


def _picture(logits: Tensor, height: int, breadth: int) -> Tensor:
    """(B, classes, 4 * height, 4 * breadth) from logits (B, N * 4 * 4, classes) as ``_upscaled`` orders them."""
    parts = logits.unflatten(1, (height, breadth, 2, 2, 2, 2))
    return parts.permute(0, 7, 1, 3, 5, 2, 4, 6).flatten(5, 7).flatten(2, 4)


def _mlp(width: int, outputs: int) -> nn.Sequential:
    """Three layers, as SAM's hypernetworks have."""
    return nn.Sequential(
        nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, outputs)
    )


def _load_hypernetwork(network: nn.Module, state: Mapping[str, Tensor], mask: int) -> None:
    """Copy SAM's ``output_hypernetworks_mlps.<mask>`` where the state has it (some exports leave them out)."""
    prefix = f"output_hypernetworks_mlps.{mask}.layers."
    part = {
        f"{2 * int(key[len(prefix)])}.{key.rsplit('.', 1)[1]}": value
        for key, value in state.items()
        if key.startswith(prefix)
    }
    if part:
        network.load_state_dict(part)
