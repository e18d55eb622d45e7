"""Spectrograms on their way into the decoder, with the dropout that is always on."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import nn

from symbiote_core import UnsupportedInputError
from symbiote_speecht5.kernels.rows_on_demand import RowsOnDemand
from symbiote_ttnn import TTNNKernel, TTNNLinear, tile, ttnn


class TTNNSpeechDecoderPrenet(TTNNKernel):
    """``SpeechT5SpeechDecoderPrenet``: spectrograms [B, T, bins] → [B, T, D].

    The masks of the dropout are drawn by torch, in torch's order, so that a seed gives what it
    gives on torch, and go up with the spectrogram. The last linear layer and that of the speaker
    have only the positions between them: they are one matrix, and the positions one table.

    Generation calls it with all frames there are so far and takes the last row of what comes back.
    So rows are computed when they are asked for (`RowsOnDemand`), and a step costs the same however
    many frames stand before it.
    """

    transient = ("launch", "activated", "speaker")

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Prenets of the structure that transformers 4.57 to 5 have."""
        for name in ("layers", "final_layer", "encode_positions", "speaker_embeds_layer"):
            if not hasattr(torch_layer, name):
                return f"it has no {name}"
        return None

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNSpeechDecoderPrenet:
        """Build it for a ``SpeechT5SpeechDecoderPrenet``."""
        module = cls()
        module._fallback_torch_layer = torch_layer
        module.hidden_layers = [TTNNLinear.fused(layer, "relu") for layer in torch_layer.layers]
        module.final_part = TTNNLinear.fused(torch_layer.final_layer, None)
        return module

    def preprocess_weights_impl(self) -> None:
        """Multiply the two last matrices, and make the tables of positions [P, D] for the host."""
        layer = self.torch_layer
        final, joined = layer.final_layer, layer.speaker_embeds_layer
        width = final.out_features
        of_rows, of_speaker = (
            joined.weight.detach().float().split([width, joined.in_features - width], dim=1)
        )
        positions = layer.encode_positions
        table = (positions.alpha.detach() * positions.pe)[0].float()
        self.tt_joined = tile((of_rows @ final.weight.detach().float()).t(), self.weight_dtype)
        self.tt_speaker = tile(of_speaker.t(), self.weight_dtype)
        with_bias = (table + final.bias.detach()) @ of_rows.t() + joined.bias.detach()
        self.tables = {False: table.bfloat16(), True: with_bias.bfloat16()}
        self.speaker: Any = None

    def launch_arguments(self) -> dict[str, Any]:
        """The output's dtype; the sum with the speaker brings the relu with it."""
        self.activated = {"activations": [ttnn.UnaryOpType.RELU]}
        return super().launch_arguments() | {"dtype": self.activation_dtype}

    def move_weights_to_host_impl(self) -> None:
        """Bring the weights back; the speaker is projected again when it is needed."""
        super().move_weights_to_host_impl()
        self.speaker = None

    def deallocate_weights_impl(self) -> None:
        """Free the device memory of the weights and of the speaker."""
        super().deallocate_weights_impl()
        self.speaker = None

    def upload_input(self, tensor: torch.Tensor, position: int | str) -> Any:
        """Leave spectrogram and speaker on the host: rows are uploaded when they are computed."""
        return tensor

    def forward(self, input_values: Any, speaker_embeddings: torch.Tensor | None = None) -> Any:
        """Draw the masks, and promise the rows.

        Args:
            input_values: [B, T, bins] on the host.
            speaker_embeddings: [B, E] on the host, or None.

        Raises:
            UnsupportedInputError: for spectrograms that are on the device, or longer than the
                table of positions; torch has the answer then.
        """
        if not isinstance(input_values, torch.Tensor):
            raise UnsupportedInputError("it takes a spectrogram that is on the host")
        length, table = input_values.shape[1], self.tables[speaker_embeddings is not None]
        if length > len(table):
            raise UnsupportedInputError(f"{length} frames are more than {len(table)} positions")
        state, voice = self._symbiote, None
        if speaker_embeddings is not None:
            voice = self._voice(speaker_embeddings)
        masks = self._masks(input_values)

        def rows(start: int, end: int) -> Any:
            part = input_values[:, start:end]
            return self._rows(part, [m[start:end] for m in masks], table[start:end], voice)

        def on_torch() -> torch.Tensor:
            return self._on_torch(input_values, masks, speaker_embeddings)

        shape = (input_values.shape[0], length, self.torch_layer.final_layer.out_features)
        return RowsOnDemand.promise(self, shape, state.dtype, rows, on_torch)

    def _masks(self, input_values: torch.Tensor) -> list[torch.Tensor]:
        """Which features each layer keeps, [T, units] for each, drawn as torch's layer draws."""
        layer, length = self.torch_layer, input_values.shape[1]
        keep = layer.config.speech_decoder_prenet_dropout
        like = [input_values.new_empty(length, linear.out_features) for linear in layer.layers]
        return [torch.bernoulli(features, p=keep) for features in like]

    def _voice(self, embeddings: torch.Tensor) -> Any:
        """The speaker through the last matrix, [B, 1, D] on the device; kept for the next step."""
        if self.speaker is not None:
            known, version, voice = self.speaker
            if known() is embeddings and version == embeddings._version:
                return voice
        unit = nn.functional.normalize(embeddings).unsqueeze(1)
        voice = ttnn.linear(self.upload(unit), self.tt_speaker, **self.launch)
        if not embeddings.is_inference():
            self.speaker = weakref.ref(embeddings), embeddings._version, voice
        return voice

    def _rows(
        self, frames: torch.Tensor, masks: list[torch.Tensor], table: torch.Tensor, voice: Any
    ) -> Any:
        """Compute [B, S, D] on the device."""
        scale = 1 / (1 - self.torch_layer.config.speech_decoder_prenet_dropout)
        rows = self.upload(frames)
        for linear, mask in zip(self.hidden_layers, masks, strict=True):
            kept = self.upload((mask * scale).unsqueeze(0))
            rows = ttnn.multiply(linear.written(rows), kept)
        positions = self.upload(table.unsqueeze(0))
        if voice is None:
            return ttnn.add(self.final_part.written(rows), positions)
        rows = ttnn.add(ttnn.linear(rows, self.tt_joined, **self.launch), positions)
        return ttnn.add(rows, voice, **self.activated)

    def _on_torch(
        self, frames: torch.Tensor, masks: list[torch.Tensor], speaker: torch.Tensor | None
    ) -> torch.Tensor:
        """The same on torch, with the masks that were drawn: [B, T, D]."""
        layer = self.torch_layer
        kept = 1 - layer.config.speech_decoder_prenet_dropout
        rows: torch.Tensor = frames
        for linear, mask in zip(layer.layers, masks, strict=True):
            rows = nn.functional.relu(linear(rows)) * mask / kept  # as torch rounds it
        rows = layer.encode_positions(layer.final_layer(rows))
        if speaker is None:
            return rows
        unit = nn.functional.normalize(speaker).unsqueeze(1).expand(-1, rows.shape[1], -1)
        joined = layer.speaker_embeds_layer(torch.cat([rows, unit], dim=-1))
        return nn.functional.relu(joined)
