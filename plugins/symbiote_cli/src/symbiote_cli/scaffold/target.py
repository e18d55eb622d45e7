"""What the kernel of a new plugin replaces, and where such a module is found."""

import difflib
from collections.abc import Mapping
from typing import Any

import attrs
from torch import nn

from symbiote_cli._optional import needs
from symbiote_cli.errors import CommandError
from symbiote_cli.quiet import quiet_libraries
from symbiote_cli.scaffold.structure import FORMULAS, Structure, structures
from symbiote_cli.scaffold.tiny import TinyModel, tiny_models

LINEAR = Structure("linear", {})


@attrs.frozen
class Target:
    """A class of modules for a kernel, and a model that has one.

    Attributes:
        module: the Python module of the class.
        cls: the class's name.
        structure: what it is made of.
        path: where one stands in the model.
        width: the size of the last dimension of its input.
        model_type: the architecture; empty for a model of torch alone.
        auto_class: the class of transformers that builds the model.
        sizes: the arguments of its configuration.
        takes_ids: whether the model takes token ids, which the conformance kit can make for any
            architecture; what it can make for others depends on their configurations.
    """

    module: str
    cls: str
    structure: Structure
    path: str
    width: int
    model_type: str = ""
    auto_class: str = ""
    sizes: Mapping[str, Any] = attrs.Factory(dict)
    takes_ids: bool = True

    @property
    def qualified(self) -> str:
        """The class's qualified name."""
        return f"{self.module}.{self.cls}"


def own_target(package: str) -> Target:
    """A module of torch that the new package brings itself, as an example.

    Args:
        package: the new package.
    """
    structure = Structure("mlp", {"up": "up", "down": "down", "act": "activation"})
    return Target(f"{package}.modules", "FeedForward", structure, "0", 64)


def find_target(asked: str) -> Target:
    """The coarsest module of an architecture that a kernel can be written for.

    Args:
        asked: ``transformers:MODEL_TYPE``.

    Raises:
        CommandError: if there is no such architecture, or it has nothing for a kernel.
        MissingPackageError: if transformers is not installed.
    """
    library, _, model_type = asked.partition(":")
    if library != "transformers" or not model_type:
        raise CommandError(
            f"--for takes transformers:MODEL_TYPE, such as transformers:bert, not {asked!r}."
        )
    with needs("transformers", "look at its models"):
        from transformers import CONFIG_MAPPING
    if model_type not in CONFIG_MAPPING:
        near = difflib.get_close_matches(model_type, list(CONFIG_MAPPING), n=3)
        close = f" Close to it: {', '.join(map(repr, near))}." if near else ""
        raise CommandError(
            f"transformers has no model type {model_type!r}.{close} It is what config.model_type "
            "and config.json say of a model."
        )
    with quiet_libraries():
        for tiny in tiny_models(model_type):
            found = _coarsest(tiny) or _linear(tiny)
            if found is not None:
                return attrs.evolve(
                    found,
                    model_type=model_type,
                    auto_class=tiny.auto_class,
                    sizes=tiny.sizes,
                    takes_ids=bool(tiny.model.main_input_name == "input_ids"),
                )
    raise CommandError(
        f"Models of type {model_type!r} have no linear layer in them, which is what a kernel is "
        "made for here. Leave --for out and write the policy yourself."
    )


def _coarsest(tiny: TinyModel) -> Target | None:
    order = list(FORMULAS)
    found = sorted(structures(tiny.model), key=lambda item: order.index(item[2].kind))
    for path, module, structure in found:
        first = module.get_submodule(structure.roles.get("gate", structure.roles["up"]))
        assert isinstance(first, nn.Linear)
        cls = type(module)
        return Target(cls.__module__, cls.__qualname__, structure, path, first.in_features)
    return None


def _linear(tiny: TinyModel) -> Target | None:
    for path, module in tiny.model.named_modules():
        if type(module) is nn.Linear:
            return Target("torch.nn", "Linear", LINEAR, path, module.in_features)
    return None
