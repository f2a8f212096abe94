"""The kernel on this terminal: `make run` and `make monitor`, and the tests that talk to the kernel debugger's prompt."""

PROMPT = b"kd> "  # of the kernel debugger
SHELL = b"C:\\> "  # of the shell
STOP = b"*** STOP"  # the first words of a bugcheck
STOPPED = 5.0  # seconds of silence after these words without a prompt: nothing comes any more
