"""The Quick Start that users of the framework know, word for word but for the import lines.

Two more things differ: the line that obtains the device, and a local folder with the same
configuration and seeded weights stands in for the published checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import ViTConfig, ViTForImageClassification

from symbiote_core import FallbackWarning, pcc, report


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder ``google/vit-base-patch16-224`` under the working directory."""
    torch.manual_seed(0)
    folder = tmp_path / "google" / "vit-base-patch16-224"
    ViTForImageClassification(ViTConfig(num_labels=1000)).save_pretrained(folder)
    monkeypatch.chdir(tmp_path)
    yield
    torch.set_grad_enabled(True)


def test_quick_start(checkpoint: None) -> None:
    import torch
    from torch import nn
    from transformers import AutoModelForImageClassification

    from symbiote_core import register_module_replacement_dict, set_device
    from symbiote_ttnn import TTNNLayerNorm, TTNNLinear

    # Load model
    model = AutoModelForImageClassification.from_pretrained("google/vit-base-patch16-224")

    # Define module replacement mapping
    nn_to_ttnn = {
        nn.Linear: TTNNLinear,
        nn.LayerNorm: TTNNLayerNorm,
    }

    # Replace modules and set device
    register_module_replacement_dict(model, nn_to_ttnn, model_config=None)

    #####
    # Get TTNN device
    from symbiote_core import open_device

    ttnn_device = open_device("emulator")
    #####

    set_device(model, ttnn_device)

    # Run inference
    model.eval()
    torch.set_grad_enabled(False)
    result = model(torch.randn(1, 3, 224, 224))

    assert result.logits.shape == (1, 1000)
    told = report(model)
    assert len(told.modules) == 12 * 8 + 2
    assert told.fallbacks == ()
    reference = AutoModelForImageClassification.from_pretrained("google/vit-base-patch16-224")
    pixels = torch.randn(1, 3, 224, 224)
    assert pcc(reference.eval()(pixels).logits, model(pixels).logits) > 0.999


def test_custom_layer() -> None:
    from torch import nn

    from symbiote_core import TTNNModule
    from symbiote_ttnn import ttnn

    class TTNNCustomLayer(TTNNModule):
        def __init__(self, param1, param2):
            super().__init__()
            self.param1 = param1
            self.param2 = param2

        @classmethod
        def from_torch(cls, torch_layer):
            """Create TTNN module from PyTorch equivalent."""
            new_layer = TTNNCustomLayer(torch_layer.param1, torch_layer.param2)
            new_layer._fallback_torch_layer = torch_layer
            return new_layer

        def preprocess_weights_impl(self):
            """Convert PyTorch weights to TTNN format (called once)."""
            self.tt_weight = ttnn.from_torch(
                self.torch_layer.weight, dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT
            )

        def move_weights_to_device_impl(self):
            """Move preprocessed weights to device."""
            self.tt_weight = ttnn.to_device(self.tt_weight, self.device)

        def move_weights_to_host_impl(self):
            """Move weights back to host."""
            self.tt_weight = self.tt_weight.cpu()

        def deallocate_weights_impl(self):
            """Deallocate device memory."""
            ttnn.deallocate(self.tt_weight)

        def forward(self, input_tensor):
            """TTNN forward implementation."""
            output = ttnn.custom_op(input_tensor, self.tt_weight)
            return output

    class CustomLayer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.arange(64.0).reshape(2, 32))
            self.param1, self.param2 = 1, nn.Parameter(torch.ones(3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.weight

    from symbiote_core import register_module_replacement_dict, set_device

    model: Any = nn.Sequential(CustomLayer()).eval()
    names = list(model.state_dict())
    replaced = register_module_replacement_dict(model, {CustomLayer: TTNNCustomLayer})
    assert list(replaced) == ["0"]
    set_device(model, "emulator")
    layer = replaced["0"]
    layer.preprocess_weights()
    layer.move_weights_to_device()
    layer.move_weights_to_host()
    layer.move_weights_to_device()
    x = torch.ones(2, 32)
    # TTNN has no custom_op: torch answers, visibly.
    with (
        torch.no_grad(),
        pytest.warns(FallbackWarning, match=r"The emulator has no 'ttnn\.custom_op'"),
    ):
        assert torch.equal(model(x), layer.torch_layer(x))
    assert list(model.state_dict()) == names
    layer.deallocate_weights()

    # With an operation that there is, the very same layer runs on the device.
    class Works(TTNNCustomLayer):
        def forward(self, input_tensor):
            return ttnn.multiply(input_tensor, self.tt_weight)

    works = Works(1, 2)
    works._fallback_torch_layer = layer.torch_layer
    set_device(works, "emulator")
    with torch.no_grad():
        assert torch.equal(works(x).to_torch, layer.torch_layer(x))
    assert works._symbiote.calls.calls == 1
