"""The forwards that a check runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, T5Config, T5ForConditionalGeneration

from symbiote_cli.loading import Source, build_random
from symbiote_cli.workload import Generation, generates, workload_of
from symbiote_core import pcc

IDS = torch.arange(3, 13).reshape(2, 5)


@pytest.fixture
def llama(llama_folder: Path) -> Any:
    return build_random(Source.of(str(llama_folder)), "float32", 0).model


@pytest.mark.parametrize("masked", [True, False])
def test_each_forward_goes_on_where_the_one_before_it_ended(llama: Any, masked: bool) -> None:
    inputs = {"input_ids": IDS}
    if masked:
        inputs["attention_mask"] = torch.ones_like(IDS)
        inputs["attention_mask"][0, :2] = 0
    generation = Generation(inputs)
    again = IDS[:, -1:]
    with torch.no_grad():
        for round_ in range(2):  # a prefill begins anew
            assert generation.prefill(llama).logits.shape == (2, 1, 512)
            for more in (1, 2):  # a decode step goes on
                got = generation.decode(llama).logits
                ids = torch.cat([IDS, *[again] * more], dim=1)
                mask = torch.ones_like(ids)
                mask[:, :5] = inputs.get("attention_mask", mask[:, :5])
                at = torch.arange(ids.shape[1]).expand(2, -1)
                want = llama(ids, attention_mask=mask, position_ids=at).logits[:, -1:]
                assert pcc(want, got) > 0.99999, (round_, more)


def test_a_model_without_logits_to_keep(llama: Any) -> None:
    small = GPT2Config(vocab_size=64, n_embd=32, n_layer=1, n_head=2)
    prefill, decode = workload_of(GPT2LMHeadModel(small).eval(), {"input_ids": IDS})
    assert (prefill.name, decode.name) == ("prefill", "decode")
    model = GPT2LMHeadModel(small).eval()
    with torch.no_grad():
        prefill.call(model)
        assert decode.call(model).logits.shape == (2, 1, 64)


def test_no_decode_step_behind_a_prefill_that_failed(llama: Any) -> None:
    prefill, decode = workload_of(llama, {"input_ids": IDS})
    hook = llama.lm_head.register_forward_pre_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        prefill.call(llama)
    hook.remove()
    with pytest.raises(RuntimeError, match="no prefill reached its end"):
        decode.call(llama)


def test_other_models_have_one_forward(vit_folder: Path, llama: Any) -> None:
    vit = build_random(Source.of(str(vit_folder)), "float32", 0).model
    (forward,) = workload_of(vit, {"pixel_values": torch.zeros(1, 3, 32, 32)})
    assert forward.name == "forward"
    assert forward.call(vit).logits.shape == (1, 10)
    assert not generates(llama.model)  # without its head


def test_an_encoder_decoder_model_encodes_once_and_goes_on() -> None:
    small = T5Config(vocab_size=64, d_model=32, d_kv=16, d_ff=32, num_layers=1, num_heads=2)
    model = T5ForConditionalGeneration(small).eval()
    start = torch.tensor([[7], [9]])
    inputs = {"input_ids": IDS, "attention_mask": torch.ones_like(IDS), "decoder_input_ids": start}
    prefill, decode = workload_of(model, inputs)
    assert (prefill.name, decode.name) == ("prefill", "decode")
    with torch.no_grad():
        prefill.call(model)
        for count in (2, 3):
            got = decode.call(model).logits
            want = model(**(inputs | {"decoder_input_ids": start.repeat(1, count)})).logits
            assert pcc(want[:, -1:], got) > 0.99999
    with pytest.raises(RuntimeError, match="no prefill reached its end"):
        workload_of(model, inputs)[1].call(model)
