"""The conformance kit for authors of plugins: kernels and policies, judged as a whole.

``pytest --symbiote-conformance PLUGIN`` judges an installed plugin; a test class that inherits
`KernelConformance` or `PolicyConformance` does so within the plugin's own tests.
"""

from symbiote_conformance.kit.calls import TorchCall, Values
from symbiote_conformance.kit.failures import ConformanceError
from symbiote_conformance.kit.inputs import Takes, takes
from symbiote_conformance.kit.subjects import ModelSubject, Subject
from symbiote_conformance.kit.suite import KernelConformance, PolicyConformance

__all__ = [
    "ConformanceError",
    "KernelConformance",
    "ModelSubject",
    "PolicyConformance",
    "Subject",
    "Takes",
    "TorchCall",
    "Values",
    "takes",
]
