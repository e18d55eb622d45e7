"""The model's way through its layers, with its cache, and nothing of torch between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import DynamicCache
from transformers.modeling_outputs import BaseModelOutputWithPast

from symbiote_core import TorchTTNNTensor, TTNNModule, UnsupportedInputError
from symbiote_core.module.hooks import active_hook
from symbiote_llama.batch import Batch, is_padding_mask
from symbiote_llama.cache import CachedTokens, DeviceCacheLayer, adopt
from symbiote_llama.kernels.layer import TTNNDecoderLayer
from symbiote_llama.masks import continuation_mask
from symbiote_llama.rotary import RotaryTable, half_turn
from symbiote_llama.shards import a_core_for_each_row, attention_program
from symbiote_llama.steps import Continuation, Prompt, Rotation, Step, Token
from symbiote_ttnn import TTNNKernel, ttnn

MOST_ROWS = 32
"""The largest batch of single tokens that TTNN splits into heads."""


class TTNNDecoderModel(TTNNKernel):
    """``LlamaModel``, ``MistralModel`` or ``Qwen2Model``: ids [B, S] → hidden states [B, S, D].

    Embedding, layers and norm are swapped modules themselves. The cache that is passed, or a new
    one, is kept on the device, in place: it stays a ``DynamicCache`` to its owner. A row's padding
    is left out of it, so that no mask is needed.

    What these in a row do not give, such as attention weights, is left to torch's own ``forward``,
    which runs over the same modules.
    """

    covers_children = False
    transient = ("launch", "table", "turn")

    def __init__(self) -> None:
        super().__init__()
        self.table: RotaryTable | None = None
        self.turn: Any = None

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Models of the structure that transformers 4.57 to 5 have."""
        for name in ("embed_tokens", "layers", "norm", "rotary_emb"):
            if not hasattr(torch_layer, name):
                return f"it has no {name}"
        return None

    def move_weights_to_host_impl(self) -> None:
        """Free the tables; they are made again when they are needed."""
        self.table = self.turn = None

    def deallocate_weights_impl(self) -> None:
        """Free the tables."""
        self.table = self.turn = None

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
        if not self._is_ready() or not is_padding_mask(attention_mask) or self._wants_more(options):
            return NotImplemented
        self.move_weights_to_device()  # it has none, but tables to free with those of the others
        if (model.config.use_cache if use_cache is None else use_cache) and past_key_values is None:
            past_key_values = DynamicCache(config=model.config)
        batch, length = given.shape[:2]
        cached = None
        if past_key_values is not None:
            seen = past_key_values.get_seq_length()
            cached = self._adopted(past_key_values, batch, seen, attention_mask)
            if cached is None:
                return NotImplemented
        new = Batch.of(batch, length, attention_mask, position_ids, cached)
        if new is None:
            return self._leave(past_key_values)
        if cached is not None:
            cached.require(new.most)
        try:
            states = self._run(given, new, past_key_values, cached)
            shown = self._shown(states, new, every=self._wants_states(options))
        except Exception as error:  # torch's forward has the answer
            self._leave(past_key_values)
            return self.give_up(error, given)
        if cached is not None:
            cached.add(new.columns)
        return BaseModelOutputWithPast(
            last_hidden_state=shown[-1],
            past_key_values=past_key_values,
            hidden_states=tuple(shown) if len(shown) > 1 else None,
        )

    # -- whether the call is one for the device ---------------------------------------------------

    def _is_ready(self) -> bool:
        model = self.torch_layer
        layers = model.layers[: model.config.num_hidden_layers]
        swapped = (model.embed_tokens, *layers, model.norm)
        return (
            self.device is not None
            and all(TTNNModule in type(module).__mro__ for module in swapped)
            and all(type(layer) is TTNNDecoderLayer for layer in layers)
            and not any(_is_watched(layer) for layer in layers)
        )

    def _wants_more(self, options: dict[str, Any]) -> bool:
        if self.torch_layer.config.output_attentions:
            return True
        plain: dict[str, tuple[Any, ...]] = {
            "return_dict": (None, True),
            "output_attentions": (None, False),
            "output_hidden_states": (None, False, True),
        }
        return any(value not in plain.get(key, (None,)) for key, value in options.items())

    def _wants_states(self, options: dict[str, Any]) -> bool:
        wanted = options.get("output_hidden_states")
        return bool(self.torch_layer.config.output_hidden_states if wanted is None else wanted)

    def _adopted(self, cache: Any, batch: int, seen: int, mask: Any) -> CachedTokens | None:
        state = self._symbiote
        columns = torch.ones(batch, seen, dtype=torch.bool)
        if mask is not None and seen:
            columns = mask[:, :seen].bool()

        def make(tokens: CachedTokens, first: bool) -> DeviceCacheLayer:
            assert state.runtime is not None
            return DeviceCacheLayer(tokens, first, state.dtype, state.runtime, state.activity)

        count = self.torch_layer.config.num_hidden_layers
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
        self, given: torch.Tensor, new: Batch, cache: Any, cached: CachedTokens | None
    ) -> list[Any]:
        """Embed, run the layers and the norm.

        Returns:
            What goes into the first layer and what comes out of each, the last one normalised.
        """
        model = self.torch_layer
        batch, length = new.columns.shape
        layers: Sequence[DeviceCacheLayer] | None = None if cache is None else cache.layers
        one = length == 1 and cached is not None and cached.seen > 0
        tokens = new.gather(given)
        if one:
            tokens = tokens.transpose(0, 1)  # a row of tokens, one of each sequence
        if given.is_floating_point():
            hidden = tokens.to_ttnn if isinstance(tokens, TorchTTNNTensor) else self.upload(tokens)
        else:
            hidden = model.embed_tokens(tokens).to_ttnn
        step: Step
        if one:
            assert layers is not None
            hidden = ttnn.reshape(hidden, (1, 1, batch, int(hidden.shape[-1])))
            step = self._token(new, layers)
        elif cached is not None and cached.seen:
            assert layers is not None
            step = self._continuation(new, layers, cached)
        else:
            step = Prompt(self._rotation(new), layers)
        swapped = model.layers[: model.config.num_hidden_layers]
        states = [hidden]
        for layer in swapped:
            states.append(layer(states[-1], step))
            layer._symbiote.calls.calls += 1
        states[-1] = model.norm(states[-1])
        model.norm._symbiote.calls.calls += 1
        return states

    def _token(self, new: Batch, layers: Sequence[DeviceCacheLayer]) -> Token:
        batch = new.columns.shape[0]
        if batch > MOST_ROWS:
            raise UnsupportedInputError(
                f"TTNN decodes at most {MOST_ROWS} sequences at once, not {batch}"
            )
        places = new.places[:, 0]
        room = int(places.max()) + 1
        for layer in layers:
            layer.room_for(room)
        where = self.upload(places.to(torch.int32), ttnn.int32, ttnn.ROW_MAJOR_LAYOUT)
        cos, sin = self._angles_of_tokens(new, where)
        heads = self.torch_layer.config.num_key_value_heads
        return Token(cos, sin, where, attention_program(self.device, batch, heads), layers)

    def _angles_of_tokens(self, new: Batch, where: Any) -> tuple[Any, Any]:
        """Cosines and sines, [1, B, 1, head_size], a core for each row."""
        table, batch = self._rotary_table(), new.columns.shape[0]
        if not table.covers(new.last):
            found = [
                self.upload(t.transpose(0, 1).unsqueeze(0)) for t in table.angles(new.positions)
            ]
        else:
            if new.stand_in_place:
                at = ttnn.reshape(ttnn.typecast(where, ttnn.uint32), (1, batch))
            else:
                at = self.upload(new.positions.t(), ttnn.uint32, ttnn.ROW_MAJOR_LAYOUT)
            rows = table.look_up(at, new.last, ttnn.ROW_MAJOR_LAYOUT)
            apart = [ttnn.reshape(row, (1, batch, 1, int(row.shape[-1]))) for row in rows]
            found = [ttnn.to_layout(row, ttnn.TILE_LAYOUT) for row in apart]
        memory = a_core_for_each_row(self.device, batch, int(found[0].shape[-1]))
        cos, sin = (ttnn.to_memory_config(row, memory) for row in found)
        return cos, sin

    def _rotation(self, new: Batch) -> Rotation:
        table = self._rotary_table()
        batch, length = new.columns.shape
        alike = new.stand_alike
        if not table.covers(new.last):
            positions = new.positions[:1] if alike else new.positions
            cos, sin = (self.upload(t.unsqueeze(1)) for t in table.angles(positions))
        elif alike:
            first = int(new.positions[0, 0])
            cos, sin = table.cut(first, first + length)
        else:
            at = self.upload(new.positions, ttnn.uint32, ttnn.ROW_MAJOR_LAYOUT)
            rows = table.look_up(at, new.last, ttnn.TILE_LAYOUT)
            cos, sin = (ttnn.reshape(r, (batch, 1, length, int(r.shape[-1]))) for r in rows)
        if alike:
            return Rotation(cos, sin)
        if self.turn is None:
            self.turn = self.upload(half_turn(int(cos.shape[-1])))
        return Rotation(cos, sin, self.turn)

    def _continuation(
        self, new: Batch, layers: Sequence[DeviceCacheLayer], cached: CachedTokens
    ) -> Continuation:
        if not cached.is_uniform or not bool(new.columns.all()):
            raise UnsupportedInputError(
                "several new tokens behind sequences of different lengths, or with padding"
            )
        before, length = cached.lengths[0], new.columns.shape[1]
        windows = {layer.attention.layers.window for layer in self.torch_layer.layers}
        masks = {w: self.upload(continuation_mask(before, length, w)) for w in windows}
        return Continuation(self._rotation(new), layers, masks)

    def _back_in_place(self, hidden: Any, new: Batch) -> Any:
        """Rows of real tokens, moved to the columns where torch has them."""
        batch, length, width = tuple(hidden.shape)
        rows = ttnn.to_layout(ttnn.reshape(hidden, (batch * length, width)), ttnn.ROW_MAJOR_LAYOUT)
        at = self.upload(new.rows_back(), ttnn.uint32, ttnn.ROW_MAJOR_LAYOUT)
        return ttnn.embedding(at, rows, layout=ttnn.TILE_LAYOUT)

    def _rotary_table(self) -> RotaryTable:
        if self.table is None:
            self.table = RotaryTable(self.torch_layer.rotary_emb, self.upload)
        return self.table

    def _shown(self, states: list[Any], new: Batch, every: bool) -> list[TorchTTNNTensor]:
        """Hidden states as torch has them, [B, S, D]; only the last unless ``every``."""
        state = self._symbiote
        batch, length = new.columns.shape
        found = []
        for hidden in states if every else states[-1:]:
            if len(hidden.shape) == 4:
                hidden = ttnn.reshape(hidden, (batch, length, int(hidden.shape[-1])))
            if new.order is not None:
                hidden = self._back_in_place(hidden, new)
            found.append(
                TorchTTNNTensor(hidden, state.dtype, state.runtime, state.device, state.activity)
            )
        return found


def _is_watched(layer: TTNNDecoderLayer) -> bool:
    """Whether somebody hooks a layer, or a module in it, to see what torch computes."""
    if not (layer._is_hooked() or layer._symbiote.is_hooked()):
        return False
    return any(active_hook(module) is not None for module in layer.torch_layer.modules())
