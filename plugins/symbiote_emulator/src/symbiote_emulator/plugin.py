"""The plugin ``emulator``: the default runtime, everywhere."""

from __future__ import annotations

from symbiote_core import Runtime, RuntimeSpec, hookimpl


def _load() -> Runtime:
    from symbiote_emulator.runtime import EmulatorRuntime

    return EmulatorRuntime()


class EmulatorPlugin:
    """See the module's docstring."""

    symbiote_api = "1"

    @hookimpl
    def symbiote_runtimes(self) -> list[RuntimeSpec]:
        """The emulator."""
        return [
            RuntimeSpec(
                name="emulator",
                scheme="emulator",
                examples=("emulator", "emulator:blackhole"),
                load=_load,
                unavailable=lambda: None,
                chips=list,
                device_module="symbiote_emulator",
            )
        ]


plugin = EmulatorPlugin()
