"""Kernels that are wrong, each in one way, and the check that has to find it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import attrs
import torch
from torch import nn

from symbiote_conformance import Subject, takes
from symbiote_core import TTNNModule, UnsupportedInputError
from symbiote_emulator import Device
from symbiote_ttnn import TTNNLinear, tile, tile_transposed, ttnn


def _linear() -> nn.Module:
    return nn.Linear(64, 64)


@attrs.frozen
class Wrong:
    """A wrong kernel.

    Attributes:
        kernel: the class.
        check: what has to find it.
        says: what the failure has to say.
        build: makes the torch module.
        finds: what it says of the smallest call.
    """

    kernel: type[TTNNModule]
    check: str
    says: str
    build: Callable[[], nn.Module] = _linear
    finds: str = ""

    @property
    def subject(self) -> Subject:
        return Subject(self.kernel, self.build, [takes("B", "S", 64)])


class ForgottenBias(TTNNLinear):
    def preprocess_weights_impl(self) -> None:
        super().preprocess_weights_impl()
        self.tt_bias = None


class TransposedWeight(TTNNLinear):
    def preprocess_weights_impl(self) -> None:
        super().preprocess_weights_impl()
        self.tt_weight = tile(self.torch_layer.weight)


class TooLoud(TTNNLinear):
    def preprocess_weights_impl(self) -> None:
        layer = self.torch_layer
        self.tt_weight = tile_transposed(layer.weight * 1.02)
        self.tt_bias = tile((layer.bias * 1.02).reshape(1, -1))


class OffTheGrid(TTNNLinear):
    """Reads the rows that pad a tile, as a reduction without a mask does."""

    def forward(self, input_tensor: Any) -> Any:
        out = TTNNLinear.written(self, input_tensor)
        return ttnn.multiply(out, 0.5) if int(input_tensor.shape[-2]) % 32 else out


class OnTheGrid(TTNNLinear):
    def forward(self, input_tensor: Any) -> Any:
        out = TTNNLinear.written(self, input_tensor)
        return out if int(input_tensor.shape[-2]) % 32 else ttnn.multiply(out, 0.5)


class MixesRows(TTNNLinear):
    def forward(self, input_tensor: Any) -> Any:
        out = TTNNLinear.written(self, input_tensor)
        if int(out.shape[0]) == 1:
            return out
        return ttnn.add(out, ttnn.mean(out, dim=0, keepdim=True))


class NaNForZeros(TTNNLinear):
    """Divides by the input's size."""

    def forward(self, input_tensor: Any) -> Any:
        size = ttnn.sum(ttnn.abs(input_tensor))
        out = TTNNLinear.written(self, input_tensor)
        return ttnn.divide(ttnn.multiply(out, size), size)


class Stale(TTNNLinear):
    """Keeps what it once converted."""

    kept: ClassVar[dict[int, Any]] = {}

    def preprocess_weights_impl(self) -> None:
        key = id(self)
        if key not in self.kept:
            self.kept[key] = (self.torch_layer.weight.clone(), self.torch_layer.bias.clone())
        weight, bias = self.kept[key]
        self.tt_weight, self.tt_bias = tile_transposed(weight), tile(bias.reshape(1, -1))


class FreesNothing(TTNNLinear):
    def deallocate_weights_impl(self) -> None:
        """Forgets to."""


class FreesTooEarly(TTNNLinear):
    def forward(self, input_tensor: Any) -> Any:
        out = TTNNLinear.written(self, input_tensor)
        ttnn.deallocate(self.tt_weight)
        return out


class FreesTwice(TTNNLinear):
    def deallocate_weights_impl(self) -> None:
        for tensor in (self.tt_weight, self.tt_bias, self.tt_weight):
            if not tensor.is_allocated():
                raise RuntimeError("freed already")
            ttnn.deallocate(tensor)


class LosesWeights(TTNNLinear):
    """Leaves its weights on the device when they are called back."""

    def move_weights_to_host_impl(self) -> None:
        self.kept = [self.tt_weight, self.tt_bias]
        self.tt_weight = ttnn.from_device(self.tt_weight)
        self.tt_bias = ttnn.from_device(self.tt_bias)


class WritesToItsInput(TTNNLinear):
    def forward(self, input_tensor: Any) -> Any:
        return ttnn.add(
            TTNNLinear.written(self, input_tensor),
            ttnn.multiply(input_tensor, 0.0, output_tensor=input_tensor),
        )


class FreesItsInput(TTNNLinear):
    def forward(self, input_tensor: Any) -> Any:
        out = TTNNLinear.written(self, input_tensor)
        ttnn.deallocate(input_tensor)
        return out


class Counting(nn.Linear):
    """A linear layer with a buffer."""

    def __init__(self) -> None:
        super().__init__(64, 64)
        self.register_buffer("scale", torch.full((64,), 1.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scale: Any = self.scale
        return super().forward(x) * scale


class DropsABuffer(TTNNLinear):
    """Folds a buffer into the weight, and tidies up behind itself."""

    def preprocess_weights_impl(self) -> None:
        layer = self.torch_layer
        scale = vars(self).setdefault("folded", layer._buffers.pop("scale", None))
        self.tt_weight = tile_transposed(layer.weight * scale.unsqueeze(1))
        self.tt_bias = tile((layer.bias * scale).reshape(1, -1))


class HiddenDownload(TTNNLinear):
    def forward(self, input_tensor: Any) -> Any:
        host = ttnn.to_torch(input_tensor)
        again = ttnn.from_torch(host, ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=self.device)
        return TTNNLinear.written(self, again)


class Leaks(TTNNLinear):
    def __init__(self) -> None:
        super().__init__()
        self.outputs: list[Any] = []

    def forward(self, input_tensor: Any) -> Any:
        out = TTNNLinear.written(self, input_tensor)
        self.outputs.append(ttnn.clone(out))
        return out


class ConvertsTwice(TTNNLinear):
    """Folds a factor into torch's own weight, once for every module that has it."""

    def preprocess_weights_impl(self) -> None:
        weight = self.torch_layer.weight
        if not getattr(self, "folded", False):
            self.folded = True
            with torch.no_grad():
                weight.mul_(2.0)
        self.tt_weight = tile_transposed(weight * 0.5)
        self.tt_bias = tile(self.torch_layer.bias.reshape(1, -1))


class AnotherAnswer(TTNNLinear):
    """Falls back silently, to something else."""

    def forward(self, input_tensor: Any) -> Any:
        try:
            return TTNNLinear.written(self, input_tensor)
        except RuntimeError:
            return ttnn.multiply(input_tensor, 1.0)


class ConsumesBeforeItAnswers(TTNNLinear):
    """Fails behind the point of no return."""

    def forward(self, input_tensor: Any) -> Any:
        doubled = ttnn.multiply(input_tensor, 2.0, output_tensor=input_tensor)
        halved = ttnn.multiply(doubled, 0.5, output_tensor=input_tensor)
        return TTNNLinear.written(self, halved)


class RefusesEverything(TTNNLinear):
    def forward(self, input_tensor: Any) -> Any:
        raise UnsupportedInputError("not today")


class OnlyOnTheEmulator(TTNNLinear):
    """Gives the matmul what it takes in TILE layout alone, where the author did not look."""

    def forward(self, input_tensor: Any) -> Any:
        if not isinstance(self.device, Device):
            input_tensor = ttnn.to_layout(input_tensor, ttnn.ROW_MAJOR_LAYOUT)
        return TTNNLinear.written(self, input_tensor)


class CrashesOffTheEmulator(TTNNLinear):
    """Uses a tensor after it freed it, which TTNN does not look at in unary operations."""

    def forward(self, input_tensor: Any) -> Any:
        out = TTNNLinear.written(self, input_tensor)
        if not isinstance(self.device, Device):
            ttnn.deallocate(out)
            return ttnn.relu(out)
        return out


class AnotherModule(TTNNLinear):
    """Puts hooks of its own on the torch layer and leaves them there."""

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNLinear:
        torch_layer.register_buffer("seen", torch.zeros(1), persistent=False)
        return super().from_torch(torch_layer)


WRONG = [
    Wrong(ForgottenBias, "parity", "the output is not torch's", finds="[1, 1, 64] float32"),
    Wrong(TransposedWeight, "parity", "the output is not torch's", finds="[1, 1, 64] float32"),
    Wrong(TooLoud, "parity", "gain 1.02", finds="[1, 1, 64] float32"),
    Wrong(OffTheGrid, "parity", "gain 0.5", finds="[1, 1, 64] float32"),
    Wrong(OnTheGrid, "parity", "gain 0.5", finds="[1, 32, 64] float32"),
    Wrong(NaNForZeros, "parity", "relative RMS inf", finds="[1, 1, 64] float32 zeros"),
    Wrong(WritesToItsInput, "parity", "writes to its input", finds="[1, 1, 64] float32"),
    Wrong(FreesItsInput, "parity", "frees its input", finds="[1, 1, 64] float32"),
    Wrong(RefusesEverything, "parity", "leaves every call to torch", finds="[1, 1, 64]"),
    Wrong(MixesRows, "batch", "depends on the rows beside it", finds="[2, 1, 64] float32"),
    Wrong(FreesNothing, "lifecycle", "deallocate_weights leaves the device memory of weights"),
    Wrong(FreesTooEarly, "lifecycle", "the second call fails"),
    Wrong(FreesTwice, "lifecycle", "deallocate_weights raises RuntimeError: freed already"),
    Wrong(LosesWeights, "lifecycle", "move_weights_to_host leaves 12288 bytes on the device"),
    Wrong(Stale, "state", "after load_state_dict: the weights are stale"),
    Wrong(DropsABuffer, "state", "without ['at0.scale']", build=Counting),
    Wrong(AnotherModule, "restore", "other parameters, buffers or hooks"),
    Wrong(ConvertsTwice, "sharing", "two modules with tied weights"),
    Wrong(Leaks, "leaks", "4096 each"),
    Wrong(HiddenDownload, "downloads", "downloads 2 tensors, of which the report shows 1"),
    Wrong(AnotherAnswer, "fallback", "the report shows no fallback"),
    Wrong(ConsumesBeforeItAnswers, "fallback", "fails and its input is on the device"),
]
"""All but those that are found on mock chips alone."""
