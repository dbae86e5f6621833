"""The proof: what no other test can show without a GPU, in phases of seconds to minutes. docs/gpu.md explains it."""
