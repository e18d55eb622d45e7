"""What is decided for a new plugin."""

import attrs

from symbiote_cli.scaffold.names import Names
from symbiote_cli.scaffold.target import Target


@attrs.frozen
class Choices:
    """What is decided for a new plugin.

    Attributes:
        names: of the distribution, the package and the plugin.
        target: what its kernel replaces.
        kernel: the kernel's name and class.
        policy: the policy's name.
        priority: the policy's, so that ``policy="auto"`` takes it before those that are installed.
        license: an SPDX expression; empty for none.
    """

    names: Names
    target: Target
    kernel: str
    policy: str
    priority: int
    license: str

    @property
    def is_own(self) -> bool:
        """Whether the kernel is for a module that the package brings itself."""
        return not self.target.model_type

    @property
    def is_linear(self) -> bool:
        """Whether the kernel is for `nn.Linear` itself."""
        return self.target.structure.kind == "linear"
