"""What plugins register, and how it is found again."""

from symbiote_core.registry.records import Contribution, KernelSpec, Policy, Rule
from symbiote_core.registry.registry import Candidate, Registry

__all__ = ["Candidate", "Contribution", "KernelSpec", "Policy", "Registry", "Rule"]
