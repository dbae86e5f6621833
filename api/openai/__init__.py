"""The OpenAI-compatible API under /v1: files, batches and models, for the unmodified `openai` SDK."""
