"""The mock chip: TTNN's own validation, allocator and program factories; values are zeros."""

from __future__ import annotations

import os
import re
from typing import Any

import attrs

from symbiote_core import DeviceError
from symbiote_ttnn.runtimes.cluster import BOARDS, descriptor
from symbiote_ttnn.runtimes.folder import Wheel, mock_folders, prepare_folder, write
from symbiote_ttnn.runtimes.guards import guard
from symbiote_ttnn.runtimes.native import NativeRuntime
from symbiote_ttnn.runtimes.process import CACHE, CLUSTER, PROCESS

_NAME = re.compile(r"mock:(?P<arch>\w+)(?::(?P<rows>[1-9]\d*)x(?P<columns>[1-9]\d*))?")


@attrs.frozen
class MockName:
    """A mock's device string, taken apart.

    Attributes:
        arch: TTNN's name of the architecture.
        rows, columns: the shape of the mesh; 1 and 1 for a single chip.
    """

    arch: str
    rows: int = 1
    columns: int = 1

    @classmethod
    def parse(cls, name: str) -> MockName:
        """Take ``mock:ARCH`` or ``mock:ARCH:ROWSxCOLUMNS`` apart.

        Raises:
            DeviceError: for anything else, and for an unknown architecture.
        """
        match = _NAME.fullmatch(name)
        if match is None or match["arch"] not in BOARDS:
            known = ", ".join(repr(f"mock:{arch}") for arch in BOARDS)
            raise DeviceError(
                f"There is no mock device {name!r}. Known are {known}, and meshes of them such as "
                "'mock:wormhole_b0:1x2'."
            )
        return cls(match["arch"], int(match["rows"] or 1), int(match["columns"] or 1))

    @property
    def is_mesh(self) -> bool:
        """Whether it has more than one chip."""
        return self.rows * self.columns > 1

    def __str__(self) -> str:
        shape = f":{self.rows}x{self.columns}" if self.is_mesh else ""
        return f"mock:{self.arch}{shape}"


class MockRuntime(NativeRuntime):
    """TTNN on chips that do not exist.

    Architecture and shape are settled for the life of the process by the first device that is
    opened. What TTNN can't do on a mock raises `MockChipError` from then on; see `guards`.
    """

    name = "mock"

    def __init__(self) -> None:
        super().__init__()
        if PROCESS.is_mocked:  # by the user, who passes an open device
            guard(self.ttnn)

    def owns(self, device: Any) -> bool:
        """See `Runtime.owns`."""
        return PROCESS.is_mocked

    def open(self, name: str) -> Any:
        """Open ``mock:wormhole_b0``, ``mock:blackhole``, or a mesh, ``mock:wormhole_b0:1x2``.

        A mesh is opened with a fabric, which collective operations need.

        Raises:
            DeviceError: for an unknown device, or if this process has opened another kind.
        """
        wanted = MockName.parse(name)
        if PROCESS.settle_on_mock(str(wanted)):
            self._set_up(wanted)
        device = self._open_once(str(wanted), lambda: self._open_now(wanted))
        PROCESS.mock = str(wanted)
        return device

    def _open_now(self, wanted: MockName) -> Any:
        ttnn = self.ttnn
        if not wanted.is_mesh:
            return ttnn.open_device(device_id=0)
        ttnn.set_fabric_config(ttnn.FabricConfig.FABRIC_1D)
        try:
            return ttnn.open_mesh_device(ttnn.MeshShape(wanted.rows, wanted.columns))
        except Exception:
            ttnn.set_fabric_config(ttnn.FabricConfig.DISABLED)
            raise

    def close(self, device: Any) -> None:
        """See `NativeRuntime.close`; takes the fabric of a mesh down that `open` set up."""
        ours = any(held.device is device for held in self._held.values())
        super().close(device)
        if ours and not self._held and device.get_num_devices() > 1:
            self.ttnn.set_fabric_config(self.ttnn.FabricConfig.DISABLED)

    def _set_up(self, wanted: MockName) -> None:
        """Tell TTNN of the chips, in the variables that it reads at its first use."""
        wheel = Wheel.installed()
        folder = mock_folders() / wheel.version
        prepare_folder(folder, wheel)
        cluster = folder / f"{wanted.arch}-{wanted.rows}x{wanted.columns}.yaml"
        write(cluster, descriptor(wanted.arch, wanted.rows, wanted.columns).encode())
        os.environ["TT_METAL_RUNTIME_ROOT"] = str(folder)
        os.environ["TT_METAL_LOGS_PATH"] = str(folder / "logs")
        # Not the user's: null kernels there would be run as real ones.
        os.environ[CACHE] = str(folder / "kernels")
        os.environ[CLUSTER] = str(cluster)
        guard(self.ttnn)
