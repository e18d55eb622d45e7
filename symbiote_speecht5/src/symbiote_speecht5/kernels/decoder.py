"""The decoder's way through its layers, with its caches, and nothing of torch between them."""

from __future__ import annotations

from typing import Any

import torch
from transformers.cache_utils import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions

from symbiote_core import TorchTTNNTensor
from symbiote_speecht5.cache import Adopted, CrossLayer, SelfLayer, Utterance, adopt, leave
from symbiote_speecht5.kernels.decoder_layer import TTNNSpeechT5DecoderLayer
from symbiote_speecht5.masks import causal, is_padding_mask, real_columns
from symbiote_speecht5.steps import Several, Source, Step, Token
from symbiote_ttnn import TTNNOverSwapped, added_to_scores, called, ttnn
from symbiote_ttnn.shards import MOST_ROWS, attention_program


class TTNNSpeechT5Decoder(TTNNOverSwapped):
    """``SpeechT5Decoder``: hidden states [B, S, D] → hidden states [B, S, D].

    The layers are swapped modules themselves. The ``EncoderDecoderCache`` that is passed, or a new
    one, is kept on the device, in place. Keys and values of the encoder's states are projected at
    the first step that attends to them.
    """

    gives_states = True

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Decoders of the structure that transformers 4.57 to 5 have."""
        return None if hasattr(torch_layer, "layers") else "it has no layers"

    def forward(
        self,
        hidden_states: torch.Tensor | None = None,
        attention_mask: Any = None,
        encoder_hidden_states: torch.Tensor | None = None,
        encoder_attention_mask: Any = None,
        *others: Any,
        past_key_values: Any = None,
        use_cache: bool | None = None,
        cache_position: Any = None,
        **options: Any,
    ) -> Any:
        """Run the decoder; NotImplemented leaves the call to torch's ``forward``."""
        model = self.torch_layer
        if others or hidden_states is None or encoder_hidden_states is None:
            return self._leave(past_key_values)
        batch, length = hidden_states.shape[:2]
        reach = int(encoder_hidden_states.shape[1])
        seen = 0 if past_key_values is None else past_key_values.get_seq_length()
        if (
            self.wants_more(options)
            or not self.can_call(model.layers, TTNNSpeechT5DecoderLayer)
            or not is_padding_mask(attention_mask, batch, seen + length)
            or not is_padding_mask(encoder_attention_mask, batch, reach)
        ):
            return self._leave(past_key_values)
        if (model.config.use_cache if use_cache is None else use_cache) and past_key_values is None:
            config = model.config
            past_key_values = EncoderDecoderCache(
                DynamicCache(config=config), DynamicCache(config=config)
            )
        columns = torch.ones(batch, reach, dtype=torch.bool)
        if encoder_attention_mask is not None:
            columns = encoder_attention_mask.bool()
        adopted = None
        if past_key_values is not None:
            adopted = self._adopted(past_key_values, columns)
            if adopted is None:
                return self._leave(past_key_values)
            adopted.own[0].growth.require(seen + length)
        try:
            states = self._run(
                hidden_states, encoder_hidden_states, real_columns(attention_mask), columns, adopted
            )
        except Exception as error:  # torch's forward has the answer
            self._forget(adopted, seen)
            self._leave(past_key_values)
            return self.give_up(error, hidden_states, encoder_hidden_states)
        kept = states if self.wants_states(options) else states[-1:]
        # Of one token of each sequence, states are [1, 1, B, D] on the device.
        shape = tuple(hidden_states.shape)
        shown = [self.shown(ttnn.reshape(hidden, shape)) for hidden in kept]
        return BaseModelOutputWithPastAndCrossAttentions(
            last_hidden_state=shown[-1],
            past_key_values=past_key_values,
            hidden_states=tuple(shown) if len(shown) > 1 else None,
        )

    # -- the caches -------------------------------------------------------------------------------

    def _adopted(self, cache: Any, columns: torch.Tensor) -> Adopted | None:
        own = self._symbiote
        assert own.runtime is not None
        shared = own.dtype, own.runtime, own.activity
        limit = self.kernel_config.cache_length
        return adopt(
            cache,
            len(self.torch_layer.layers),
            columns,
            lambda: SelfLayer(limit, *shared),
            lambda utterance, first: CrossLayer(utterance, first, *shared),
            self.upload,
        )

    @staticmethod
    def _forget(adopted: Adopted | None, seen: int) -> None:
        """Take back what a step that failed has put into the cache."""
        for layer in [] if adopted is None else adopted.own:
            layer.length = seen

    @staticmethod
    def _leave(cache: Any) -> Any:
        leave(cache)
        return NotImplemented

    # -- the way through --------------------------------------------------------------------------

    def _run(
        self,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        own_columns: torch.Tensor | None,
        columns: torch.Tensor,
        adopted: Adopted | None,
    ) -> list[Any]:
        """What goes into the first layer, and what comes out of each."""
        batch, length = hidden_states.shape[:2]
        utterance = Utterance(columns) if adopted is None else adopted.utterance
        states = None
        if adopted is None or not adopted.is_projected:
            states = utterance.arranged(self.raw(encoder_hidden_states), self.upload)
        one = adopted is not None and length == 1 and own_columns is None and batch <= MOST_ROWS
        step: Step
        if adopted is not None and one:
            hidden = self._row_of_tokens(hidden_states)
            step = self._token(adopted, states, batch)
        else:
            hidden = self.raw(hidden_states)
            step = self._several(adopted, utterance, states, length, own_columns)
        found = [hidden]
        for layer in self.torch_layer.layers:
            found.append(called(layer, found[-1], step=step)[0])
        for cached in adopted.own if adopted is not None and one else []:
            cached.length += 1
        return found

    def _row_of_tokens(self, hidden_states: torch.Tensor) -> Any:
        """[B, 1, D] → [1, 1, B, D] on the device."""
        if isinstance(hidden_states, TorchTTNNTensor):
            batch, _, width = hidden_states.shape
            return ttnn.reshape(hidden_states.to_ttnn, (1, 1, batch, width))
        return self.upload(hidden_states.transpose(0, 1).unsqueeze(0))

    def _token(self, adopted: Adopted, states: Any, batch: int) -> Token:
        heads = self.torch_layer.layers[0].attend.layers
        for layer in adopted.own:
            layer.room_for_one(batch, heads.heads, heads.head_size, self.device)
        places = torch.full((batch,), adopted.seen, dtype=torch.int32)
        return Token(
            Source(states, adopted.cross, last=adopted.utterance.last(self.upload)),
            adopted.own,
            self.upload(places, ttnn.int32, ttnn.ROW_MAJOR_LAYOUT),
            attention_program(self.device, batch, heads.heads),
        )

    def _several(
        self,
        adopted: Adopted | None,
        utterance: Utterance,
        states: Any,
        length: int,
        own_columns: torch.Tensor | None,
    ) -> Several:
        across = mask = None
        real = utterance.seen()
        if not bool(real.all()):
            across = self.upload(added_to_scores(real[:, None, None, :].expand(-1, -1, length, -1)))
        seen = 0 if adopted is None else adopted.seen
        if seen or own_columns is not None:
            mask = self.upload(added_to_scores(causal(seen, length, own_columns)))
        cross = None if adopted is None else adopted.cross
        own = None if adopted is None else adopted.own
        return Several(Source(states, cross, mask=across), own, mask)
