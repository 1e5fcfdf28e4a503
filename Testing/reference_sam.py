"""segment-anything's own modules: what our encoders and our AutoSAM head, and their speed, are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from SAMAdaptLib.utils.segment_anything import import_sam_modeling

if TYPE_CHECKING:
    from SAMAdaptLib.networks.autosam import AutoSAMHead


def reference_encoder(numbers: Mapping[str, Any], image_size: int = 1024) -> torch.nn.Module:
    """The image encoder that ``_build_sam`` builds from these numbers."""
    model: torch.nn.Module = import_sam_modeling().ImageEncoderViT(
        **numbers,
        img_size=image_size,
        mlp_ratio=4,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        patch_size=16,
        qkv_bias=True,
        use_rel_pos=True,
        window_size=14,
        out_chans=256,
    )
    return model.eval()


def reference_sam(numbers: Mapping[str, Any], image_size: int = 1024) -> torch.nn.Module:
    """The whole model around that encoder."""
    classes, grid = import_sam_modeling(), image_size // 16
    prompt = classes.PromptEncoder(256, (grid, grid), (image_size, image_size), 16)
    transformer = classes.TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8)
    decoder = classes.MaskDecoder(transformer_dim=256, transformer=transformer)
    model: torch.nn.Module = classes.Sam(reference_encoder(numbers, image_size), prompt, decoder)
    return model.eval()


def randomised(model: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Give every weight a value: the constructor leaves position embeddings at zero, where no error would show."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            spread = 0.02 if weight.ndim > 1 else 0.1
            offset = 1.0 if name.endswith(("norm1.weight", "norm2.weight")) else 0.0
            weight.copy_(offset + spread * torch.randn(weight.shape, generator=generator))
    return model


def reference_logits(head: AutoSAMHead, neck: torch.Tensor) -> torch.Tensor:
    """What segment-anything's modules, which hold the head's weights, give when called as its ``MaskDecoder`` does.

    ``neck`` (B, C, h, w); gives (B, classes, 4h, 4w).
    """
    count, width, height, breadth = neck.shape
    position = head._position(height, breadth).expand(count, -1, -1, -1)
    source = neck + head.no_mask_embed[0, :, None, None]
    hidden, cells = head.transformer(source, position, head.tokens.expand(count, -1, -1))
    upscaled: torch.Tensor = head.output_upscaling(cells.transpose(1, 2).reshape(count, width, height, breadth))
    weights = torch.stack([network(hidden[:, i]) for i, network in enumerate(head.hypernetworks)], dim=1)
    return (weights @ upscaled.flatten(2)).unflatten(2, upscaled.shape[2:])
