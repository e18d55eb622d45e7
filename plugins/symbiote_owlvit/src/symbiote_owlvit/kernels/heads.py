"""The detection heads: what is in a box, and where the box is."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_core import UnsupportedInputError
from symbiote_owlvit.kernels.unit import TTNNUnitLength
from symbiote_ttnn import TTNNKernel, TTNNLinear, activation_name, ttnn


class HeadKernel(TTNNKernel):
    """A head some of whose results go to the host, where torch's code goes on with them."""

    def to_host(self, tensor: Any) -> torch.Tensor:
        """A device tensor's values, in the model's dtype."""
        state = self._symbiote
        assert state.runtime is not None
        host = state.activity.download(state.runtime, tensor)
        return host.reshape(tuple(tensor.shape)).to(state.dtype)


class TTNNOwlViTClassHead(HeadKernel):
    """``OwlViTClassPredictionHead``: features [B, N, D], queries [B, Q, E] → logits [B, N, Q].

    Class embeddings and queries of length one are multiplied, shifted, and scaled by
    ``elu(x) + 1``. Logits and class embeddings are what the model gives, so they go to the host.
    Without queries the class embeddings are wanted as they are: image-guided detection chooses
    among them.
    """

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Heads of the structure that transformers 4.57 to 5 have."""
        for name in ("dense0", "logit_shift", "logit_scale", "elu", "query_dim"):
            if not hasattr(torch_layer, name):
                return f"it has no {name}"
        return None

    def upload_input(self, tensor: torch.Tensor, position: int | str) -> Any:
        """Leave the mask on the host, where the logits meet it."""
        if position in ("query_mask", 2):
            return tensor
        return super().upload_input(tensor, position)

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNOwlViTClassHead:
        """Build it for an ``OwlViTClassPredictionHead``."""
        module = cls()
        module._fallback_torch_layer = torch_layer
        module.dense = TTNNLinear.fused(torch_layer.dense0, None)
        module.shift = TTNNLinear.fused(torch_layer.logit_shift, None)
        module.scale = TTNNLinear.fused(torch_layer.logit_scale, None)
        module.unit_length = TTNNUnitLength.of_width(torch_layer.dense0.out_features)
        return module

    transient = ("launch", "rescale")

    def launch_arguments(self) -> dict[str, Any]:
        """Arguments of the product; those of the last multiplication stand beside them."""
        chain = [
            ttnn.UnaryWithParam(ttnn.UnaryOpType.ELU, self.torch_layer.elu.alpha),
            ttnn.UnaryWithParam(ttnn.UnaryOpType.ADD_UNARY_SFPU, 1.0),
        ]
        self.rescale: dict[str, Any] = {"input_tensor_b_activations": chain}
        return super().launch_arguments()

    def forward(
        self, image_embeds: Any, query_embeds: Any = None, query_mask: torch.Tensor | None = None
    ) -> Any:
        """Compare features with queries.

        Args:
            image_embeds: [B, N, D] on the device.
            query_embeds: [B, Q, E] on the device, or None.
            query_mask: [B, Q] on the host, zero or False where there is no query.

        Returns:
            On the host: logits [B, N, Q], the lowest number where there is no query, and class
            embeddings [B, N, E] of length one. Without queries zeros [B, N, D], and class
            embeddings as they are.

        Raises:
            UnsupportedInputError: for queries of another batch.
        """
        embeds = self.dense.written(image_embeds)
        batch, count = tuple(embeds.shape)[:2]
        if query_embeds is None:
            return torch.zeros(batch, count, self.torch_layer.query_dim), self.to_host(embeds)
        if len(query_embeds.shape) != 3 or int(query_embeds.shape[0]) != batch:
            raise UnsupportedInputError(
                f"queries must be [{batch}, number, width], got {list(query_embeds.shape)}"
            )
        embeds = self.unit_length.written(embeds)
        queries = self.unit_length.written(query_embeds)
        logits = ttnn.matmul(embeds, queries, transpose_b=True, **self.launch)
        logits = ttnn.add(logits, self.shift.written(image_embeds))
        logits = ttnn.multiply(logits, self.scale.written(image_embeds), **self.rescale)
        found = self.to_host(logits)
        if query_mask is not None:
            exists = query_mask.unsqueeze(-2) if query_mask.ndim > 1 else query_mask
            lowest = torch.finfo(found.dtype).min
            found = found.masked_fill(exists == 0, lowest).to(torch.float32)  # as torch has it
        return found, self.to_host(embeds)


class TTNNOwlViTBoxHead(HeadKernel):
    """``OwlViTBoxPredictionHead``: features [B, N, D] → [B, N, 4], on the host.

    Three matmuls, with gelu in the programs of two. Torch's code adds the bias of the places in
    place and takes the sigmoid, of four numbers a box, which leave the device anyhow.
    """

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Heads of three linear layers whose activation TTNN fuses."""
        for name in ("dense0", "dense1", "dense2", "gelu"):
            if not hasattr(torch_layer, name):
                return f"it has no {name}"
        if activation_name(torch_layer.gelu) is None:
            return f"TTNN can't fuse {type(torch_layer.gelu).__name__} into a linear"
        return None

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNOwlViTBoxHead:
        """Build it for an ``OwlViTBoxPredictionHead``."""
        module = cls()
        module._fallback_torch_layer = torch_layer
        activation = activation_name(torch_layer.gelu)
        module.first = TTNNLinear.fused(torch_layer.dense0, activation)
        module.second = TTNNLinear.fused(torch_layer.dense1, activation)
        module.third = TTNNLinear.fused(torch_layer.dense2, None)
        return module

    def forward(self, image_features: Any) -> torch.Tensor:
        """Predict boxes, before bias and sigmoid."""
        hidden = self.second.written(self.first.written(image_features))
        return self.to_host(self.third.written(hidden))


class TTNNOwlViTProjection(TTNNLinear, HeadKernel):
    """A projection of an ``OwlViTModel`` that is the whole model: [B, D] → [B, P], on the host.

    Torch's code compares the two embeddings; it has them anyhow, as they are what the model gives.
    """

    def forward(self, input_tensor: Any) -> torch.Tensor:
        """Project pooled hidden states."""
        return self.to_host(TTNNLinear.written(self, input_tensor))
