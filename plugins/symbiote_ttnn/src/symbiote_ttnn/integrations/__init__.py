"""Other libraries, as far as kernels must know of them."""
