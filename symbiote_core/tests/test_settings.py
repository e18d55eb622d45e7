from __future__ import annotations

import pytest

from symbiote_core import Settings, SettingsError


def test_an_empty_environment_loads_every_plugin() -> None:
    assert Settings.from_environ({"PATH": "/bin"}) == Settings(plugins=None, autoload=True)


@pytest.mark.parametrize(
    ("text", "names"), [("a, b,", ("a", "b")), ("vit", ("vit",)), ("", ()), (" , ", ())]
)
def test_the_allow_list_is_split_at_commas(text: str, names: tuple[str, ...]) -> None:
    assert Settings.from_environ({"SYMBIOTE_PLUGINS": text}).plugins == names


@pytest.mark.parametrize(("flag", "autoload"), [("1", False), ("0", True), ("", True)])
def test_autoload(flag: str, autoload: bool) -> None:
    settings = Settings.from_environ({"SYMBIOTE_DISABLE_PLUGIN_AUTOLOAD": flag})
    assert settings.autoload is autoload


@pytest.mark.parametrize(("flag", "trace"), [("1", True), ("0", False), ("", False)])
def test_trace(flag: str, trace: bool) -> None:
    assert Settings.from_environ({"SYMBIOTE_TRACE": flag}).trace is trace
    assert Settings.from_environ({}).trace is False


def test_an_unknown_value_of_trace() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({"SYMBIOTE_TRACE": "on"})
    assert str(caught.value) == (
        "SYMBIOTE_TRACE='on' is not known. Use 1 to log the calls of hooks, 0 or nothing to leave "
        "them unlogged."
    )


def test_an_unknown_flag_value() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({"SYMBIOTE_DISABLE_PLUGIN_AUTOLOAD": "yes"})
    assert str(caught.value) == (
        "SYMBIOTE_DISABLE_PLUGIN_AUTOLOAD='yes' is not known. Use 1 to turn discovery off, 0 or "
        "nothing to leave it on."
    )


def test_an_unknown_variable_lists_the_known_ones() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({"SYMBIOTE_PLUGIN": "vit", "SYMBIOTE_DEBUG": "1"})
    assert str(caught.value) == (
        "Unknown environment variable SYMBIOTE_DEBUG, SYMBIOTE_PLUGIN. Known are: "
        "SYMBIOTE_PLUGINS: comma-separated names of the only plugins to load; "
        "SYMBIOTE_DISABLE_PLUGIN_AUTOLOAD: 1 turns the discovery of plugins off (0 or unset: on); "
        "SYMBIOTE_TRACE: 1 logs every call of a plugin's hook, with its time, to symbiote.trace."
    )


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMBIOTE_PLUGINS", "vit")
    assert Settings.from_environ().plugins == ("vit",)
