"""The model's way through its layers, with its cache, and nothing of torch between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import DynamicCache
from transformers.modeling_outputs import BaseModelOutputWithPast

from symbiote_core import TorchTTNNTensor, TTNNModule, WeightState, are_ready
from symbiote_llama.batch import Batch, NextTokens, is_padding_mask, read_tokens
from symbiote_llama.cache import CachedTokens, DeviceCacheLayer, adopt, tokens_on_device
from symbiote_llama.kernels.layer import TTNNDecoderLayer
from symbiote_llama.planner import StepPlanner
from symbiote_ttnn import TTNNOverSwapped, ttnn


class TTNNDecoderModel(TTNNOverSwapped):
    """``LlamaModel``, ``MistralModel`` or ``Qwen2Model``: ids [B, S] → hidden states [B, S, D].

    Embedding, layers and norm are swapped modules themselves. The cache that is passed, or a new
    one, is kept on the device, in place: it stays a ``DynamicCache`` to its owner. A row's padding
    is left out of it, so that no mask is needed.

    What these in a row do not give, such as attention weights, is left to torch's own ``forward``,
    which runs over the same modules.
    """

    gives_states = True
    transient = ("launch", "planner")

    def __init__(self) -> None:
        super().__init__()
        self.planner: StepPlanner | None = None

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Models of the structure that transformers 4.57 to 5 have."""
        for name in ("embed_tokens", "layers", "norm", "rotary_emb"):
            if not hasattr(torch_layer, name):
                return f"it has no {name}"
        return None

    def move_weights_to_host_impl(self) -> None:
        """Free the planner's tables; they are made again when they are needed."""
        self.planner = None

    def deallocate_weights_impl(self) -> None:
        """Free the planner's tables."""
        self.planner = None

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: Any = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: torch.Tensor | None = None,
        *others: Any,
        use_cache: bool | None = None,
        cache_position: Any = None,
        **options: Any,
    ) -> Any:
        """Run the model; NotImplemented leaves the call to torch's ``forward``."""
        model = self.torch_layer
        given = input_ids if inputs_embeds is None else inputs_embeds
        if others or given is None or (inputs_embeds is not None and input_ids is not None):
            return NotImplemented
        embed, swapped = model.embed_tokens, self._swapped()
        looks_up = inputs_embeds is None and isinstance(embed, TTNNModule)
        ready = are_ready((embed, *swapped) if looks_up else swapped)
        if not (ready or self._can_call(swapped)) or self.wants_more(options):
            return NotImplemented
        if self.device is None or not is_padding_mask(attention_mask):
            return NotImplemented
        if self.weight_state is not WeightState.DEVICE:
            self.move_weights_to_device()  # none, but tables to free with those of the others
        if (model.config.use_cache if use_cache is None else use_cache) and past_key_values is None:
            past_key_values = DynamicCache(config=model.config)
        batch, length = given.shape[:2]
        cached = None
        if past_key_values is not None:
            cached = tokens_on_device(past_key_values, len(swapped) - 1)
            if cached is None:
                cached = self._adopted(past_key_values, batch, attention_mask)
            if cached is None:
                return NotImplemented
        new = read_tokens(batch, length, attention_mask, position_ids, cached)
        if new is None:
            return self._leave(past_key_values)
        if cached is not None:
            cached.growth.require(new.most)
        if inputs_embeds is None and not looks_up:
            given = embed(given)  # it was left on torch; its rows go up instead of ids
        try:
            every = self.wants_states(options)
            layers = None if past_key_values is None else past_key_values.layers
            states = self._run(swapped, given, new, layers, cached, ready=ready, every=every)
            shown = [self._shown(hidden, new) for hidden in states]
        except Exception as error:  # torch's forward has the answer
            self._leave(past_key_values)
            return self.give_up(error, given)
        if cached is not None:
            cached.add(batch, length, new.columns)
        return BaseModelOutputWithPast(
            last_hidden_state=shown[-1],
            past_key_values=past_key_values,
            hidden_states=tuple(shown) if len(shown) > 1 else None,
        )

    # -- whether the call is one for the device ---------------------------------------------------

    def _swapped(self) -> tuple[Any, ...]:
        """What runs behind the embedding, in this order: layers, norm."""
        model = self.torch_layer
        layers = tuple(model.layers)[: model.config.num_hidden_layers]
        return (*layers, model.norm)

    def _can_call(self, swapped: tuple[Any, ...]) -> bool:
        """Whether all can be called on the device, though something happens around their calls."""
        return self.can_call(swapped[:-1], TTNNDecoderLayer) and self.can_call(swapped[-1:])

    def _adopted(self, cache: Any, batch: int, mask: Any) -> CachedTokens | None:
        state = self._symbiote
        count, seen = self.torch_layer.config.num_hidden_layers, cache.get_seq_length()
        columns = torch.ones(batch, seen, dtype=torch.bool)
        if mask is not None and seen:
            columns = mask[:, :seen].bool()

        def make(tokens: CachedTokens, first: bool) -> DeviceCacheLayer:
            assert state.runtime is not None
            return DeviceCacheLayer(tokens, first, state.dtype, state.runtime, state.activity)

        return adopt(cache, count, columns, make, self.upload, self.kernel_config.cache_length)

    @staticmethod
    def _leave(cache: Any) -> Any:
        """Bring a cache to torch, whose ``forward`` goes on with it."""
        for layer in [] if cache is None else cache.layers:
            if type(layer) is DeviceCacheLayer:
                layer.to_torch()
        return NotImplemented

    # -- the way through --------------------------------------------------------------------------

    def _run(
        self,
        swapped: tuple[Any, ...],
        given: torch.Tensor,
        new: Batch | NextTokens,
        layers: Sequence[DeviceCacheLayer] | None,
        cached: CachedTokens | None,
        *,
        ready: bool,
        every: bool,
    ) -> list[Any]:
        """Embed ids, run the layers and the norm.

        Args:
            swapped: these modules.
            given: ids or embeddings.
            new: where the tokens stand.
            layers: the cache's, or None.
            cached: what it holds, or None.
            ready: whether the modules are, see `symbiote_core.are_ready`.
            every: whether to keep what goes into each layer.

        Returns:
            What goes into the layers, if it is kept, and what comes out, normalised.
        """
        embed, (*decoders, norm) = self.torch_layer.embed_tokens, swapped
        tokens = new.gather(given)
        if given.is_floating_point():
            hidden = self.raw(tokens)
        elif ready:
            hidden = embed.written(embed.upload_input(tokens, 0))
            embed._symbiote.calls.calls += 1
        else:
            hidden = embed(tokens).to_ttnn
        if isinstance(new, NextTokens):
            hidden = ttnn.reshape(hidden, (1, 1, new.rows, int(hidden.shape[-1])))
        if self.planner is None:
            self.planner = StepPlanner(self.torch_layer, self.device, self.upload)
        step = self.planner.step(new, layers, cached)
        kept = []
        for layer in decoders:
            if every:
                kept.append(hidden)
            hidden = layer.written(hidden, step) if ready else layer(hidden, step)
            layer._symbiote.calls.calls += 1
        norm._symbiote.calls.calls += 1
        return [*kept, norm.written(hidden) if ready else norm(hidden)]

    def _back_in_place(self, hidden: Any, new: Batch) -> Any:
        """Rows of real tokens, moved to the columns where torch has them."""
        batch, length, width = tuple(hidden.shape)
        rows = ttnn.to_layout(ttnn.reshape(hidden, (batch * length, width)), ttnn.ROW_MAJOR_LAYOUT)
        at = self.upload(new.rows_back(), ttnn.uint32, ttnn.ROW_MAJOR_LAYOUT)
        return ttnn.embedding(at, rows, layout=ttnn.TILE_LAYOUT)

    def _shown(self, hidden: Any, new: Batch | NextTokens) -> TorchTTNNTensor:
        """Hidden states as torch has them, [B, S, D]."""
        if isinstance(new, NextTokens):
            hidden = ttnn.reshape(hidden, (new.rows, 1, int(hidden.shape[-1])))
        elif new.order is not None:
            hidden = self._back_in_place(hidden, new)
        return self.shown(hidden)
