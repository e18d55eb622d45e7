"""What ``symbiote doctor`` looks at: the machine first, then what the core says."""
