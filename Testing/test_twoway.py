"""The AutoSAM head computes what segment-anything's decoder computes, in fewer products."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from reference_sam import randomised, reference_logits
from test_heads import needs_segment_anything

from SAMAdaptLib.networks import head_class

if TYPE_CHECKING:
    from torch import Tensor

    from SAMAdaptLib.networks.autosam import AutoSAMHead

FEW, MANY = 4, 20
"""Classes with which the tokens' heads are fewer than an attention's channels, and with which they are more."""


def a_head(classes: int) -> AutoSAMHead:
    """With weights that are all at work: fresh ones leave some at zero."""
    needs_segment_anything()
    return randomised(head_class("autosam")({"neck": 256}, classes), classes)


def a_neck() -> Tensor:
    return torch.randn(2, 256, 24, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("classes", [2, FEW, MANY])
def test_logits_are_those_of_segment_anythings_decoder(classes: int) -> None:
    module, neck = a_head(classes), a_neck()
    with torch.inference_mode():
        expected = reference_logits(module, neck)
        found = module({"neck": neck}, torch.zeros(2, 1, 256, 256))
    assert found.shape == (2, classes, 96, 64)
    assert (found - expected).abs().max() < 1e-5 * expected.std()


@pytest.mark.parametrize("classes", [FEW, MANY])
def test_it_learns_the_same_from_the_same_views(classes: int) -> None:
    module, neck = a_head(classes), a_neck()
    wanted = torch.randn(2, classes, 96, 64, generator=torch.Generator().manual_seed(1))
    gradients = []
    for logits in (reference_logits(module, neck), module({"neck": neck}, torch.zeros(2, 1, 256, 256))):
        module.zero_grad()
        (logits * wanted).sum().backward()
        gradients.append({name: weight.grad for name, weight in module.named_parameters()})
    expected, found = gradients
    largest = max(float(gradient.norm()) for gradient in expected.values())
    for name, gradient in expected.items():
        if found[name] is None:  # softmax takes no notice of it
            assert name.endswith("k_proj.bias")
            assert gradient.norm() < 1e-5 * largest
        else:
            assert (found[name] - gradient).norm() < 1e-4 * gradient.norm() + 1e-6 * largest, name


def test_in_half_width_it_is_as_near_as_segment_anythings_decoder_is() -> None:
    module, neck = a_head(FEW), a_neck()
    with torch.inference_mode():
        exact = reference_logits(module, neck)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            theirs = reference_logits(module, neck)
            ours = module({"neck": neck}, torch.zeros(2, 1, 256, 256))
    assert (ours - exact).norm() < 1.5 * (theirs - exact).norm()
    assert (ours - exact).norm() < 0.02 * exact.norm()
