"""The projection to the vocabulary."""

from __future__ import annotations

from typing import Any

from symbiote_ttnn import TTNNLinear, ttnn


class TTNNLanguageModelHead(TTNNLinear):
    """``lm_head``: [..., D] → [..., V], with a weight dtype of its own (``lm_head``).

    Of one token of each sequence, [B, 1, D], TTNN would fill a tile row with each: 32 times the
    work, and 32 times the download. So the rows are put together, and the logits, which leave the
    device in any case, are downloaded here.
    """

    role = "lm_head"

    def forward(self, input_tensor: Any) -> Any:
        """Map [..., D] to [..., V]; to a torch tensor if it is one token of several sequences."""
        shape = tuple(input_tensor.shape)
        if len(shape) != 3 or shape[0] == 1 or shape[1] != 1:
            return TTNNLinear.written(self, input_tensor)
        batch, _, width = shape
        rows = ttnn.reshape(input_tensor, (1, batch, width))
        state = self._symbiote
        assert state.runtime is not None
        logits = state.activity.download(state.runtime, TTNNLinear.written(self, rows))
        return logits.reshape(batch, 1, -1).to(state.dtype)
