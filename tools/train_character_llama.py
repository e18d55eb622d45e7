"""Train the small Llama of the demo, character by character, and write its folder.

    OMP_NUM_THREADS=1 python tools/train_character_llama.py

The script needs symbiote-cli with its extra `demo`. It takes about ten minutes on one core that
multiplies bfloat16 (AVX-512 BF16 or AMX), longer on others. The text is Python's own language
reference, which comes with every Python as `pydoc_data.topics`; it differs a little from version to
version. Training has two parts: the model reads the reference, then also
its own continuations of it while its activations are noisy, so that it becomes sure of what it
writes, and small errors do not change its mind (Kim and Rush, "Sequence-Level Knowledge
Distillation", arXiv 1606.07947, with the model as its own teacher).

It writes `config.json`, `generation_config.json`, `model.safetensors` (bfloat16, at most 6 MB),
`vocabulary.json`, `held-out.txt` and a model card, and prints what the model makes of the held-out
topics on torch in float32, and swapped on the emulator. A model above `--max-perplexity` or below
`--min-agreed` is not written.

With the same seed, threads, versions and kind of processor the weights are the same bit for bit.
The held-out topics take no part in training, nor does a paragraph of theirs that another topic
repeats; the weights are those after the last step, rounded to bfloat16.
"""

import argparse
import json
import math
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import torch
from character_agreement import agreement
from character_corpus import HELD_OUT_TOPICS, Corpus, read_corpus, windows
from demo_training import (
    MAX_GRADIENT_NORM,
    model_card,
    options,
    prepare,
    progress,
    warmup_and_cosine,
    write_folder,
)
from rich.console import Console
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from symbiote_cli.characters import COMPARED, CONTEXT, PROMPT_WORDS, continuation, encode

MAX_BYTES = 6_000_000

WARMUP = 0.05
"""Share of the steps in which the learning rate rises."""

# Weight of the squared logarithm of the softmax's denominator (PaLM, arXiv 2204.02311, section 5):
# it keeps the likely tokens' logits near zero, where bfloat16's steps are smallest.
Z_LOSS = 1e-2
NOISE = 0.1
"""Standard deviation of the noise in normalized activations, as a share of each.

It stands for the errors of bfloat16 everywhere, which are smaller and come in far more places.
"""

PROMPT_LENGTH = 32
"""Characters of the reference that the model continues, to read its own continuations."""


def build_config(vocabulary_size: int) -> LlamaConfig:
    """Describe the model. Its heads are as wide as TTNN's tiles, 32.

    Args:
        vocabulary_size: number of characters.

    Returns:
        The configuration of a Llama of about 1.6 million parameters.
    """
    return LlamaConfig(
        vocab_size=vocabulary_size,
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )


def losses(
    model: LlamaForCausalLM, batch: torch.Tensor, given: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean losses of a batch, with matrices multiplied in bfloat16, as on the device.

    Args:
        model: in training mode.
        batch: int64 [B, S].
        given: tokens at the start of each row that are not foretold.

    Returns:
        What training minimises, and the cross entropy alone, in nats a character.
    """
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(batch[:, :-1], use_cache=False).logits
    logits = logits[:, given - 1 :].flatten(0, 1).float()
    entropy = functional.cross_entropy(logits, batch[:, given:].flatten())
    return entropy + Z_LOSS * logits.logsumexp(-1).square().mean(), entropy


@contextmanager
def noisy(model: LlamaForCausalLM) -> Iterator[None]:
    """Disturb what every normalization gives, for the time of the block.

    Args:
        model: any Llama.
    """
    norms = [part for name, part in model.named_modules() if name.endswith("norm")]
    hooks = [
        norm.register_forward_hook(lambda _, __, out: out * (1 + NOISE * torch.randn_like(out)))
        for norm in norms
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def fit(
    model: LlamaForCausalLM,
    objective: Callable[[], tuple[torch.Tensor, torch.Tensor]],
    steps: int,
    learning_rate: float,
    weight_decay: float,
    advance: Callable[[float], None],
) -> None:
    """Train for some steps.

    Args:
        model: what to train, in place; in evaluation mode afterwards.
        objective: gives the loss of the next batch, and the cross entropy to show.
        steps: how many.
        learning_rate: the highest; it rises at first and falls to zero by a cosine.
        weight_decay: AdamW's, of matrices.
        advance: takes the mean cross entropy of the last steps, after each.
    """
    matrices = [weight for weight in model.parameters() if weight.ndim > 1]
    vectors = [weight for weight in model.parameters() if weight.ndim == 1]
    groups: list[dict[str, Any]] = [
        {"params": matrices},
        {"params": vectors, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        groups, lr=learning_rate, betas=(0.9, 0.98), weight_decay=weight_decay, fused=True
    )
    rate = warmup_and_cosine(math.ceil(WARMUP * steps), steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    model.train()
    smooth = 0.0
    for step in range(steps):
        loss, entropy = objective()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
        optimizer.step()
        schedule.step()
        smooth += (entropy.item() - smooth) / min(step + 1, 50)
        advance(smooth)
    model.eval()


def own_text(
    model: LlamaForCausalLM, tokens: torch.Tensor, count: int, generator: torch.Generator
) -> torch.Tensor:
    """Let the model continue parts of the reference at random places.

    Args:
        model: in evaluation mode.
        tokens: the training text, int64 [N].
        count: how many continuations.
        generator: where the random numbers come from.

    Returns:
        int64 [count, CONTEXT // 2], of which the first `PROMPT_LENGTH` are the reference's.
    """
    prompts = windows(tokens, count, generator, PROMPT_LENGTH)
    length = CONTEXT // 2 - PROMPT_LENGTH
    written = [continuation(model, part, length) for part in torch.split(prompts, 256)]
    return torch.cat([prompts, torch.cat(written)], dim=1)


def train(corpus: Corpus, args: argparse.Namespace, console: Console) -> LlamaForCausalLM:
    """Train a model from seeded random weights.

    Args:
        corpus: what to train on.
        args: the command line.
        console: where the progress bars are drawn.

    Returns:
        The model in evaluation mode, with weights that bfloat16 holds, in float32.
    """
    generator = torch.Generator().manual_seed(args.seed)
    tokens = encode(corpus.training, corpus.vocabulary)
    model = LlamaForCausalLM(build_config(len(corpus.vocabulary)))

    def reading() -> tuple[torch.Tensor, torch.Tensor]:
        return losses(model, windows(tokens, args.batch_size, generator))

    with progress(console, args.steps, "steps") as advance:
        fit(model, reading, args.steps, args.learning_rate, args.weight_decay, advance)
    with console.status("Continuing the text"):
        own = own_text(model, tokens, args.own_texts, generator)

    def rereading() -> tuple[torch.Tensor, torch.Tensor]:
        chosen = torch.randint(len(own), (2 * args.batch_size,), generator=generator)
        loss, entropy = reading()
        return loss + losses(model, own[chosen], PROMPT_LENGTH)[0], entropy

    with noisy(model), progress(console, args.own_steps, "steps, its own text too") as advance:
        fit(model, rereading, args.own_steps, args.own_learning_rate, args.weight_decay, advance)
    return model.bfloat16().float()


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: what follows the program's name; by default the process's own.

    Returns:
        The options as attributes.
    """
    parser = options(__doc__, "character-llama")
    parser.add_argument("--steps", type=int, default=1400, help="steps of reading the reference")
    parser.add_argument("--batch-size", type=int, default=8, help="windows of text in one step")
    parser.add_argument("--learning-rate", type=float, default=3e-3, help="highest, of reading")
    parser.add_argument("--weight-decay", type=float, default=0.1, help="AdamW's, of matrices")
    parser.add_argument("--own-steps", type=int, default=400, help="steps on its own text, too")
    parser.add_argument("--own-texts", type=int, default=2048, help="continuations it reads then")
    parser.add_argument("--own-learning-rate", type=float, default=1e-3, help="highest then")
    parser.add_argument("--prompts", type=int, help="how many are compared; by default all")
    parser.add_argument(
        "--max-perplexity", type=float, default=4.0, help="on held-out text, above: not written"
    )
    parser.add_argument(
        "--min-agreed", type=float, default=0.9, help="share of prompts, below: not written"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Train, measure and write.

    Args:
        arguments: what follows the program's name; by default the process's own.

    Returns:
        The exit status: 0, or 1 if the model is not good enough.
    """
    args = parse_arguments(arguments)
    console = prepare(args)
    corpus = read_corpus()
    model = train(corpus, args, console)
    with console.status("Comparing torch and the emulator"):
        found = agreement(model, corpus, args.prompts)
    console.print(
        f"held-out text: {len(corpus.held_out):,} characters\n"
        f"perplexity of one: {found.perplexity:.3f}\n"
        f"swapped: {found.change:+.3%} (bfloat16), {found.change_bfloat8_b:+.3%} (bfloat8_b)\n"
        f"prompts that go on alike: {found.agreed} of {found.continued}",
        highlight=False,
    )
    if found.perplexity > args.max_perplexity or found.share < args.min_agreed:
        console.print(
            f"[red]Above {args.max_perplexity:g}, or below {args.min_agreed:.0%} of the prompts: "
            "nothing was written.[/red]"
        )
        return 1
    card = model_card(
        "character-llama",
        model,
        args,
        **asdict(found),
        vocabulary=len(corpus.vocabulary),
        context=CONTEXT,
        kv_heads=model.config.num_key_value_heads,
        held_out_topics=", ".join(f"`{name}`" for name in HELD_OUT_TOPICS),
        training_characters=len(corpus.training),
        epochs=args.steps * args.batch_size * CONTEXT / len(corpus.training),
        warmup=WARMUP,
        noise=NOISE,
        own_batch=2 * args.batch_size,
        z_loss=Z_LOSS,
        compared=COMPARED,
        prompt_words=PROMPT_WORDS,
        prompt_length=PROMPT_LENGTH,
        python=platform.python_version(),
    )
    vocabulary = json.dumps(list(corpus.vocabulary), ensure_ascii=False) + "\n"
    texts = {"vocabulary.json": vocabulary, "held-out.txt": corpus.held_out, "README.md": card}
    write_folder(model.bfloat16(), args.output, MAX_BYTES, texts)
    console.print(f"Wrote {args.output}", highlight=False, markup=False, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
