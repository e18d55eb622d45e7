"""Train the small Llama of the demo, character by character, and write its folder.

    python tools/train_character_llama.py
    python tools/train_character_llama.py --start EARLIER --steps 800

The second form goes on with the weights in the folder EARLIER; the model card lists all the
commands that led to a folder. The script needs symbiote-cli, transformers (4.57 or 5.x) and
safetensors, and takes about six minutes on one core for 1600 steps. The text is Python's own
language reference, which comes with every Python as `pydoc_data.topics`; it differs a little from
version to version. It writes `config.json`, `generation_config.json`, `model.safetensors`
(bfloat16, at most 6 MB), `vocabulary.json`, `held-out.txt` and a model card, and prints the
perplexity on the held-out topics. A model above `--max-perplexity` is not written.

With the same seed, threads, versions and kind of processor the weights are the same bit for bit.
The held-out topics take no part in training, nor does a paragraph of theirs that another topic
repeats; the weights are those after the last step, rounded to bfloat16.
"""

import argparse
import json
import math
import platform
import string
import sys
from dataclasses import dataclass
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import torch
import transformers
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from symbiote_cli.characters import CONTEXT, cut, encode, perplexity

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_OUTPUT = ROOT / "plugins/symbiote_cli/src/symbiote_cli/data/character-llama"
MAX_BYTES = 6_000_000

HELD_OUT_TOPICS = ("assignment", "raise")

WARMUP_STEPS = 100
MAX_GRADIENT_NORM = 1.0
# Weight of the squared logarithm of the softmax's denominator (PaLM, arXiv 2204.02311, section 5):
# it keeps the likely tokens' logits near zero, where bfloat16's steps are smallest.
Z_LOSS = 1e-3


@dataclass(frozen=True)
class Corpus:
    """Python's language reference, split by topic."""

    training: str
    held_out: str
    vocabulary: str
    """Its characters, and all of printable ASCII."""


def read_corpus() -> Corpus:
    """Read the topics and split them.

    A paragraph that several topics share is read once, and not at all if a held-out one has it.

    Returns:
        Both texts and their vocabulary.
    """
    held_out = "\n\n".join(topics[name].strip() for name in HELD_OUT_TOPICS)
    seen = set(held_out.split("\n\n"))
    training = []
    for name in sorted(topics.keys() - set(HELD_OUT_TOPICS)):
        for paragraph in topics[name].strip().split("\n\n"):
            if paragraph not in seen:
                seen.add(paragraph)
                training.append(paragraph)
    text = "\n\n".join(training)
    ascii_characters = string.ascii_letters + string.digits + string.punctuation + " \n"
    return Corpus(text, held_out, "".join(sorted({*ascii_characters, *text, *held_out})))


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


def windows(tokens: torch.Tensor, batch_size: int, generator: torch.Generator) -> torch.Tensor:
    """Take parts of the text at random places.

    Args:
        tokens: int64 [N].
        batch_size: how many.
        generator: where the random numbers come from.

    Returns:
        int64 [batch_size, CONTEXT + 1].
    """
    starts = torch.randint(len(tokens) - CONTEXT, (batch_size, 1), generator=generator)
    return tokens[starts + torch.arange(CONTEXT + 1)]


def losses(model: LlamaForCausalLM, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean losses of a batch.

    Args:
        model: in training mode.
        batch: int64 [B, CONTEXT + 1].

    Returns:
        What training minimises, and the cross entropy alone, in nats a character.
    """
    logits = model(batch[:, :-1], use_cache=False).logits.flatten(0, 1)
    entropy = functional.cross_entropy(logits, batch[:, 1:].flatten())
    return entropy + Z_LOSS * logits.logsumexp(-1).square().mean(), entropy


def train(
    config: LlamaConfig, tokens: torch.Tensor, args: argparse.Namespace, console: Console
) -> LlamaForCausalLM:
    """Train a model from seeded random weights, or from those of an earlier run.

    Args:
        config: what to build.
        tokens: the training text, int64 [N].
        args: the command line: start, steps, batch_size, learning_rate, weight_decay, seed.
        console: where the progress bar is drawn.

    Returns:
        The model in evaluation mode, with weights that bfloat16 holds, in float32.
    """
    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed)
    if args.start is None:
        model = LlamaForCausalLM(config)
    else:
        model = LlamaForCausalLM.from_pretrained(args.start, dtype=torch.float32)
    model.train()

    def rate(step: int) -> float:
        warmup = min(1.0, (step + 1) / WARMUP_STEPS)
        return warmup * (0.5 + 0.5 * math.cos(math.pi * step / args.steps))

    matrices = [weight for weight in model.parameters() if weight.ndim > 1]
    vectors = [weight for weight in model.parameters() if weight.ndim == 1]
    groups: list[dict[str, Any]] = [
        {"params": matrices},
        {"params": vectors, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        groups,
        lr=args.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=args.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} steps, loss {task.fields[loss]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Training", total=args.steps, loss="-")
        smooth = 0.0
        for step in range(args.steps):
            loss, entropy = losses(model, windows(tokens, args.batch_size, generator))
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
            optimizer.step()
            schedule.step()
            smooth += (entropy.item() - smooth) / min(step + 1, 50)
            progress.update(task, advance=1, loss=f"{smooth:.3f}")
    return model.eval().bfloat16().float()


def write_folder(model: LlamaForCausalLM, folder: Path, corpus: Corpus, card: str) -> None:
    """Write the Hugging Face folder.

    Args:
        model: what to save; its weights are stored in bfloat16.
        folder: where to; made if it is missing.
        corpus: for the vocabulary and the held-out text.
        card: the text of its README.md.

    Raises:
        ValueError: the weights take more than 6 MB; nothing is written then.
    """
    size = sum(weight.numel() * torch.bfloat16.itemsize for weight in model.parameters())
    if size > MAX_BYTES:
        raise ValueError(f"The weights take {size} bytes, more than {MAX_BYTES}: shrink the model.")
    model.bfloat16().save_pretrained(folder)
    model.float()
    # safetensors makes a file that only its owner can read; a package is for everybody.
    (folder / "model.safetensors").chmod(0o644)
    vocabulary = json.dumps(list(corpus.vocabulary), ensure_ascii=False) + "\n"
    for name, text in (
        ("vocabulary.json", vocabulary),
        ("held-out.txt", corpus.held_out),
        ("README.md", card),
    ):
        (folder / name).write_text(text, encoding="utf-8")


EXPLANATION = """\
EARLIER is the folder that the run before wrote; the table tells of the last run.

"""

COMMAND = "python tools/train_character_llama.py"
CARD = """\
---
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
language: en
tags: [llama, characters]
---

# character-llama

A very small `LlamaForCausalLM` that writes in the style of Python's reference, one character a
token. It exists so that a real, trained language model can be run everywhere in seconds: in the
demo and in the tests of Symbiote.

| | |
|---|---|
| parameters | {parameters:,} (bfloat16) |
| vocabulary | {vocabulary} characters: the place of each in `vocabulary.json` is its token |
| context | {context} characters |
| layers, heads, hidden, intermediate | {layers}, {heads} of {head_size} that share {kv_heads} of \
keys and values, {hidden}, {intermediate} |
| perplexity of a held-out character | {perplexity:.3f}, in float32, windows of {context} |

It loads in transformers 4.57 and 5.x. There is no tokenizer: `symbiote_cli.characters` has
`encode` and `decode`.

## Data

The topics of Python's language reference that `help()` shows, `pydoc_data.topics` of Python
{python}: Copyright © 2001 Python Software Foundation; all rights reserved. The text is under the
PSF License Agreement (https://docs.python.org/3/license.html), its code examples also under the
Zero Clause BSD License. `held-out.txt` is a part of it, unchanged: the topics
{held_out_topics}. They took no part in training, nor did any paragraph of theirs that other topics
repeat; a paragraph that several of the other topics have was taken once, which leaves
{training_characters:,} characters.

## Training

This folder was made by

{commands}

{explanation}| | |
|---|---|
| optimizer | AdamW, {steps} steps of {batch_size} windows of {context} characters at random \
places ({epochs:.0f} epochs), weight decay {weight_decay:g} |
| learning rate | {learning_rate:g}: {warmup} steps of warm-up, cosine decay to zero |
| loss | cross entropy, and {z_loss:g} times the square of the softmax's log denominator |
| seed, threads | {seed}, {threads} |
| versions | torch {torch}, transformers {transformers}, Python {python} |

## License

The weights and `vocabulary.json`: Apache-2.0. `held-out.txt`: the PSF License Agreement.
"""


def commands(args: argparse.Namespace) -> list[str]:
    """The commands that lead to a folder: those in the card of the earlier one, and this one.

    Args:
        args: the command line.
    """
    earlier = []
    if args.start is not None:
        card = (args.start / "README.md").read_text(encoding="utf-8")
        earlier = [line.strip() for line in card.splitlines() if line.startswith(f"    {COMMAND}")]
    own = COMMAND + (" --start EARLIER" if earlier else "")
    standard = parse_arguments([])
    for name in ("steps", "batch_size", "learning_rate", "weight_decay", "seed", "threads"):
        value = getattr(args, name)
        if value != getattr(standard, name):
            own += f" --{name.replace('_', '-')} {value:g}"
    return [*earlier, own]


def model_card(
    model: LlamaForCausalLM, corpus: Corpus, found: float, args: argparse.Namespace
) -> str:
    """Fill in the model card.

    Args:
        model: the trained model.
        corpus: what it was trained on.
        found: its perplexity on the held-out text.
        args: the command line it was trained with.

    Returns:
        Markdown with a Hugging Face header.
    """
    config = model.config
    return CARD.format(
        commands="\n".join(f"    {command}" for command in commands(args)),
        explanation="" if args.start is None else EXPLANATION,
        parameters=sum(weight.numel() for weight in model.parameters()),
        vocabulary=config.vocab_size,
        context=CONTEXT,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        head_size=config.head_dim,
        kv_heads=config.num_key_value_heads,
        hidden=config.hidden_size,
        intermediate=config.intermediate_size,
        perplexity=found,
        held_out_topics=" and ".join(f"`{name}`" for name in HELD_OUT_TOPICS),
        training_characters=len(corpus.training),
        steps=args.steps,
        batch_size=args.batch_size,
        epochs=args.steps * args.batch_size * CONTEXT / len(corpus.training),
        weight_decay=args.weight_decay,
        learning_rate=args.learning_rate,
        warmup=WARMUP_STEPS,
        z_loss=Z_LOSS,
        seed=args.seed,
        threads=args.threads,
        torch=torch.__version__.partition("+")[0],
        transformers=transformers.__version__,
        python=platform.python_version(),
    )


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: what follows the program's name; by default the process's own.

    Returns:
        The options as attributes.
    """
    summary = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(
        description=summary, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="folder to write")
    parser.add_argument("--start", type=Path, help="folder of an earlier run, to train it further")
    parser.add_argument("--steps", type=int, default=1600, help="steps of the optimizer")
    parser.add_argument("--batch-size", type=int, default=4, help="windows of text in one step")
    parser.add_argument("--learning-rate", type=float, default=3e-3, help="highest learning rate")
    parser.add_argument("--weight-decay", type=float, default=0.1, help="AdamW's, of matrices")
    parser.add_argument("--seed", type=int, default=0, help="of weights and order")
    parser.add_argument("--threads", type=int, default=1, help="of torch; changes the rounding")
    parser.add_argument(
        "--max-perplexity", type=float, default=4.0, help="on held-out text, above: not written"
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
    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(True)
    transformers.utils.logging.disable_progress_bar()
    console = Console()
    corpus = read_corpus()
    config = build_config(len(corpus.vocabulary))
    model = train(config, encode(corpus.training, corpus.vocabulary), args, console)
    held_out = encode(corpus.held_out, corpus.vocabulary)
    found = perplexity(model, torch.split(cut(held_out), 8))
    console.print(
        f"held-out text: {len(held_out):,} characters\nperplexity of one: {found:.3f}",
        highlight=False,
    )
    if found > args.max_perplexity:
        console.print(f"[red]Above {args.max_perplexity:g}: nothing was written.[/red]")
        return 1
    write_folder(model, args.output, corpus, model_card(model, corpus, found, args))
    console.print(f"Wrote {args.output}", highlight=False, markup=False, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
