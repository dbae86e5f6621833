"""/v1/chat/completions: requests that wait for their answers, or read them as they are written."""
