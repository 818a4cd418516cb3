"""The rows of the benchmark, one function each."""
