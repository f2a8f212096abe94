"""The kernel on this terminal: `make run`, and the tests that talk to the kernel debugger's prompt."""

PROMPT = b"kd> "  # of the kernel debugger
