"""Loading Hugging Face models: from the hub, a folder, or a configuration alone."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import torch

from symbiote_cli._optional import needs
from symbiote_cli.errors import CommandError, first_line
from symbiote_cli.valueless import LARGE, Valueless


@attrs.frozen
class Source:
    """Where a model comes from.

    Attributes:
        name: as the user gave it.
        location: what ``from_pretrained`` takes: a folder or a hub id.
        is_local: whether it is a folder here, so that nothing is asked of the hub.
        has_weights: False for a bare ``config.json``.
        trusts_code: whether the user lets code run that the model brings along.
    """

    name: str
    location: str
    is_local: bool
    has_weights: bool
    trusts_code: bool = False

    @classmethod
    def of(cls, name: str, trusts_code: bool = False) -> "Source":
        """Find out what ``name`` means.

        Args:
            name: a hub id, a local folder or a ``config.json``.
            trusts_code: whether the user lets code run that the model brings along.

        Raises:
            CommandError: if it looks like a path and is not there, or holds no configuration.
        """
        path = Path(name).expanduser()
        if path.is_dir():
            if not (path / "config.json").is_file():
                raise CommandError(
                    f"The folder {name} has no config.json, so it is no Hugging Face model. Give "
                    "the folder that model.save_pretrained(...) wrote."
                )
            return cls(name, str(path), True, True, trusts_code)
        if path.is_file():
            if path.name != "config.json":
                raise CommandError(
                    f"{name} is a file, and the only file that can be given is a config.json. Give "
                    "the folder that holds the model."
                )
            return cls(name, str(path.parent), True, False, trusts_code)
        if name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name or not name:
            raise CommandError(
                f"There is no file or folder {name!r}. MODEL is a Hugging Face id such as "
                "google/vit-base-patch16-224, a local folder, or a config.json."
            )
        return cls(name, name, False, True, trusts_code)


@attrs.frozen
class Loaded:
    """A model ready to run.

    Attributes:
        model: in eval mode, on the CPU.
        notes: what the user should know of how it was made.
    """

    model: Any
    notes: tuple[str, ...] = ()


def _transformers() -> Any:
    with needs("transformers", "load Hugging Face models"):
        import transformers
    return transformers


@contextlib.contextmanager
def _told(source: Source, what: str) -> Iterator[None]:
    """Turn what transformers raises into one message."""
    try:
        yield
    except CommandError:
        raise
    except (OSError, ValueError, ImportError, KeyError, RuntimeError) as error:
        raise CommandError(f"{what} {source.name}: {_advice(source, error)}") from error


def _advice(source: Source, error: Exception) -> str:
    text = first_line(error)
    everything = str(error)
    if "trust_remote_code" in everything:
        return (
            "it needs Python code from its repository. Read that code, and give "
            "--trust-remote-code to run it, or use a model that transformers brings the code for."
        )
    if "safetensors" in everything:
        return (
            f"{text} Only safetensors are loaded, because other formats can run code. Save it anew "
            "with model.save_pretrained(...), or try --random-weights."
        )
    if not source.is_local and isinstance(error, OSError):
        return f"{text} Check the id and the connection, or give a local folder."
    return f"{type(error).__name__}: {text}"


def load_config(source: Source) -> Any:
    """The model's configuration.

    Args:
        source: where it comes from.

    Raises:
        CommandError: if it can't be had, or needs code from the model's repository.
        MissingPackageError: transformers is not installed.
    """
    transformers = _transformers()
    with _told(source, "Can't read the configuration of"):
        return transformers.AutoConfig.from_pretrained(
            source.location,
            trust_remote_code=source.trusts_code,
            local_files_only=source.is_local,
        )


def model_class(source: Source, config: Any) -> tuple[type[Any], tuple[str, ...]]:
    """The class that a configuration asks for, and what to say about the choice.

    Args:
        source: where the configuration comes from.
        config: the configuration.

    Raises:
        CommandError: if the installed transformers has no such class.
    """
    transformers = _transformers()
    names = list(config.architectures or [])
    own = _own_class(source, config, names) if source.trusts_code else None
    if own is not None:
        return own, (f"{own.__name__} is code that {source.name} brought along.",)
    if not names:
        mapping = transformers.models.auto.modeling_auto.MODEL_MAPPING
        with _told(source, "Can't choose a class for"):
            found = mapping[type(config)]
        chosen = found[0] if isinstance(found, tuple) else found
        return chosen, (f"config.json names no architecture; {chosen.__name__} was taken.",)
    found = getattr(transformers, names[0], None)
    if found is None:
        raise CommandError(
            f"{source.name} is a {names[0]}, which transformers {transformers.__version__} lacks. "
            "Install a version that has it."
        )
    return found, ()


def _own_class(source: Source, config: Any, names: list[str]) -> type[Any] | None:
    """The class in the model's own code, which the user trusts; None if it brings no such class."""
    mapped = getattr(config, "auto_map", None) or {}
    models = [to for key, to in mapped.items() if key.startswith("AutoModel")]
    named = [reference for reference in models if reference.rpartition(".")[2] in names]
    if not named and (names or not models):
        return None
    from transformers.dynamic_module_utils import get_class_from_dynamic_module

    with _told(source, "Can't load the code of"):
        found: type[Any] = get_class_from_dynamic_module(
            (named or models)[0], source.location, local_files_only=source.is_local
        )
        return found


def load(source: Source, dtype: str) -> Loaded:
    """Load a pretrained model, from safetensors only.

    Args:
        source: where it comes from.
        dtype: a torch dtype's name, or ``auto`` for the one it was saved in.

    Raises:
        CommandError: if it can't be loaded.
        MissingPackageError: transformers is not installed.
    """
    config = load_config(source)
    if not source.has_weights:
        raise CommandError(
            f"{source.name} is a configuration without weights. Add --random-weights, or give the "
            "folder with the weights."
        )
    cls, notes = model_class(source, config)
    with _told(source, "Can't load"), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # for weights that the checkpoint lacks
        model, info = cls.from_pretrained(
            source.location,
            config=config,
            dtype="auto" if dtype == "auto" else getattr(torch, dtype),
            use_safetensors=True,
            local_files_only=source.is_local,
            output_loading_info=True,
        )
    missing = sorted(info["missing_keys"])
    if missing:
        notes += (
            f"{len(missing)} weights are not in the checkpoint and were made up at random: "
            f"{', '.join(missing[:3])}{' …' if len(missing) > 3 else ''}.",
        )
    return Loaded(model.eval(), notes)


def build_random(source: Source, dtype: str, seed: int) -> Loaded:
    """Build a model from its configuration with seeded random weights.

    Args:
        source: where the configuration comes from.
        dtype: a torch dtype's name, or ``auto`` for the configuration's. The weights are drawn in
            float32 and rounded, so that one seed gives one model.
        seed: of torch's generator.

    Raises:
        CommandError: if the configuration can't be had or gives no model.
        MissingPackageError: transformers is not installed.
    """
    config = load_config(source)
    cls, notes = model_class(source, config)
    with _told(source, "Can't build"), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = cls(config).to(_torch_dtype(config, dtype))
    return Loaded(model.eval(), (*notes, f"The weights are random (seed {seed})."))


def _torch_dtype(config: Any, dtype: str) -> torch.dtype:
    """What ``dtype`` names; for ``auto``, what the configuration says."""
    wanted = getattr(config, "dtype", None) if dtype == "auto" else dtype
    return getattr(torch, wanted) if isinstance(wanted, str) else wanted or torch.float32


@contextlib.contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Tensors are made in this dtype, for the time of the block."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def build_valueless(source: Source, dtype: str, seed: int) -> Loaded:
    """Build a model whose large weights have no values and take no memory, as a mock chip wants it.

    All else is right, such as tables of positions; small weights are random.

    Args:
        source: where the configuration comes from.
        dtype: a torch dtype's name, or ``auto`` for the configuration's.
        seed: of torch's generator.

    Raises:
        CommandError: if the configuration can't be had or gives no model.
        MissingPackageError: transformers is not installed.
    """
    config = load_config(source)
    cls, notes = model_class(source, config)
    with (
        _told(source, "Can't build"),
        torch.random.fork_rng(devices=[]),
        _default_dtype(_torch_dtype(config, dtype)),
        Valueless() as mode,
    ):
        torch.manual_seed(seed)
        model = cls(config)
    told = f"The weights are random (seed {seed})."
    if mode.count:
        told = (
            f"Weights of {LARGE // 2**20} MiB and more have no values, since a mock chip computes "
            f"none; the others are random (seed {seed})."
        )
    return Loaded(model.eval(), (*notes, told))


def load_or_build(source: Source, dtype: str, seed: int | None) -> Loaded:
    """Load a pretrained model, or build it with random weights.

    Args:
        source: where it comes from.
        dtype: a torch dtype's name, or ``auto``.
        seed: of the random weights; None to load the saved ones.

    Raises:
        CommandError: if the model can't be had.
        MissingPackageError: transformers is not installed.
    """
    return load(source, dtype) if seed is None else build_random(source, dtype, seed)


def build_empty(source: Source) -> Loaded:
    """Build a model whose weights have memory but no values: all that a plan needs.

    Built on the meta device, which costs nothing, and given memory that nobody writes to.

    Args:
        source: where the configuration comes from.

    Raises:
        CommandError: if the configuration can't be had or gives no model.
        MissingPackageError: transformers is not installed.
    """
    config = load_config(source)
    cls, notes = model_class(source, config)
    with _told(source, "Can't build"):
        try:
            with torch.device("meta"):
                model = cls(config)
        except (RuntimeError, NotImplementedError):  # its constructor looks at values
            model = cls(config)
        else:
            model.to_empty(device="cpu")
    return Loaded(model.eval(), notes)
