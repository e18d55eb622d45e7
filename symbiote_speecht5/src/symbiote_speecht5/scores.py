"""What is added to the encoder's scores: relative positions, and the mask of padding."""

from __future__ import annotations

from typing import Any

import attrs

from symbiote_ttnn import ttnn


@attrs.frozen(eq=False)
class Scores:
    """What all layers of a forward add to their scores.

    Attributes:
        positions: [S, head_size, S] on the device: for each query, a vector for each key. The
            product of a query and a vector is added to the score of the key. None for no positions.
        mask: [1 or B, 1, 1 or S, S] on the device, or None.
    """

    positions: Any = None
    mask: Any = None

    def of(self, query: Any, **launch: Any) -> Any:
        """What to add for scaled queries [B, heads, S, head_size]: [B, heads, S, S], or None.

        The queries of a place, of all sequences and heads, meet the same vectors: one matmul, with
        the places as its batch.
        """
        if self.positions is None:
            return self.mask
        batch, heads, length, size = tuple(query.shape)
        rows = ttnn.permute(query, (2, 0, 1, 3))
        rows = ttnn.reshape(rows, (length, batch * heads, size))
        products = ttnn.matmul(rows, self.positions, **launch)
        products = ttnn.reshape(products, (length, batch, heads, length))
        scores = ttnn.permute(products, (1, 2, 0, 3))
        return scores if self.mask is None else ttnn.add(scores, self.mask)
