"""Swapping a model's modules: plan, apply, put on a device, restore."""

from symbiote_core.swap.apply import apply
from symbiote_core.swap.devices import reset_fallbacks, set_device, set_run_mode
from symbiote_core.swap.explain import Explainer, explain
from symbiote_core.swap.explanation import Explanation, PolicyChoice
from symbiote_core.swap.mapping import register_module_replacement_dict
from symbiote_core.swap.plan import plan
from symbiote_core.swap.planned import ReplacementPlan
from symbiote_core.swap.restore import restore

__all__ = [
    "Explainer",
    "Explanation",
    "PolicyChoice",
    "ReplacementPlan",
    "apply",
    "explain",
    "plan",
    "register_module_replacement_dict",
    "reset_fallbacks",
    "restore",
    "set_device",
    "set_run_mode",
]
