"""What one request of OpenAI's API asks for: bodies of chat completions and of responses, in our terms."""
