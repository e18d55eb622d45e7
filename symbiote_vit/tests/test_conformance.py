"""The kernels and policies of this plugin pass the conformance kit, as those of others have to."""

from __future__ import annotations

from symbiote_conformance import KernelConformance, PolicyConformance


class TestKernels(KernelConformance):
    plugin = "symbiote-vit"


class TestPolicies(PolicyConformance):
    plugin = "symbiote-vit"
