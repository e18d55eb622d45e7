"""What TTNN has settled on in this process: it can't change between chips and a mock later."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import attrs

from symbiote_core import DeviceError

CLUSTER = "TT_METAL_MOCK_CLUSTER_DESC_PATH"
"""TTNN opens a mock chip where this variable names a cluster descriptor."""

SIMULATOR = "TT_METAL_SIMULATOR"
"""TTNN opens a simulated chip where this variable names one; it wins over `CLUSTER`."""

CACHE = "TT_METAL_CACHE"
"""The folder of compiled kernels."""


@attrs.define
class Process:
    """The first device that was opened, which TTNN keeps to.

    Attributes:
        mock: the mock's device string, such as ``mock:wormhole_b0:1x2``, or empty.
        chips: whether a chip, or a simulated one, was opened.
    """

    mock: str = ""
    chips: bool = False

    @property
    def is_mocked(self) -> bool:
        """Whether the devices of this process are mocks, opened here or set up by the user."""
        set_up = os.environ.get(CLUSTER) and not os.environ.get(SIMULATOR)
        return bool(self.mock or set_up)

    def settle_on_chips(self, mock_folder: Path) -> None:
        """Make sure that TTNN sees chips, not a mock.

        Args:
            mock_folder: what holds the kernels of mock chips.

        Raises:
            DeviceError: if this process, or its environment, is set up for a mock chip.
        """
        if self.mock:
            raise DeviceError(
                f"This process has opened {self.mock!r}, and TTNN sees no chips from then on. Use "
                "another process for the chip."
            )
        inherited = Path(os.environ.get(CACHE, "")).is_relative_to(mock_folder)
        if self.is_mocked or inherited:
            raise DeviceError(
                f"The environment is that of a mock chip ({CACHE if inherited else CLUSTER} is "
                f"set). Unset {CLUSTER}, {CACHE} and TT_METAL_RUNTIME_ROOT to use a chip, or open "
                "a mock chip by its name, such as 'mock:wormhole_b0'."
            )

    def settle_on_mock(self, name: str) -> bool:
        """Make sure that TTNN can open this mock.

        Args:
            name: its device string, with the shape if it is a mesh.

        Returns:
            Whether it is the first device of this process, so that TTNN has to be set up.

        Raises:
            DeviceError: if this process has another mock or a chip, or a simulator is set up.
        """
        if self.mock and self.mock != name:
            raise DeviceError(
                f"This process has opened {self.mock!r}, and TTNN can't change to {name!r}. Use "
                "one process for each architecture and shape."
            )
        if self.chips:
            raise DeviceError(
                f"This process has opened a chip, and TTNN can't change to {name!r}. Use another "
                "process for the mock chip."
            )
        if os.environ.get(SIMULATOR):
            raise DeviceError(
                f"{SIMULATOR} is set, and TTNN prefers the simulator to {name!r}. Unset it, or "
                "open the simulator as 'ttnn:0'."
            )
        return not self.mock


PROCESS = Process()
"""The one of this process."""


def set_log_level() -> None:
    """Quiet TTNN, which logs every program it builds, unless the log of Symbiote is on.

    TTNN reads these variables once, so what counts is the level of the logger ``symbiote.ttnn``
    before TTNN's first use. Variables that the user has set stay.
    """
    logger = logging.getLogger("symbiote.ttnn")
    shown = next(
        (n for n in ("debug", "info") if logger.isEnabledFor(getattr(logging, n.upper()))), None
    )
    os.environ.setdefault("TT_LOGGER_LEVEL", shown or "off")
    os.environ.setdefault("LOGURU_LEVEL", (shown or "error").upper())
    os.environ.setdefault("TT_METAL_DISABLE_BACKTRACE", "1")
