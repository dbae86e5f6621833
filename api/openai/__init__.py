"""OpenAI's surface under /v1: files, batches and models, as the unmodified `openai` SDK asks for them."""
