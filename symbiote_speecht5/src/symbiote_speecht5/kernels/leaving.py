"""Linear layers whose result leaves the device in any case."""

from __future__ import annotations

from typing import Any

from symbiote_ttnn import TTNNLinear, ttnn


class TTNNLeavingLinear(TTNNLinear):
    """`nn.Linear` whose result torch code takes apart: [..., K] → a torch tensor [..., N].

    These are the heads: spectra, stop probabilities and logits. Of one token of each sequence,
    [B, 1, K], TTNN would fill a tile row with each; so the rows are put together first.
    """

    role = "lm_head"

    def forward(self, input_tensor: Any) -> Any:
        """Map [..., K] to [..., N], and download it."""
        shape = tuple(input_tensor.shape)
        if len(shape) == 3 and shape[0] > 1 and shape[1] == 1:
            input_tensor = ttnn.reshape(input_tensor, (1, shape[0], shape[2]))
        state = self._symbiote
        assert state.runtime is not None
        out = TTNNLinear.written(self, input_tensor)
        return state.activity.download(state.runtime, out).reshape(*shape[:-1], -1).to(state.dtype)
