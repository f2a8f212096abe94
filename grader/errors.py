"""The one expected-error class of the grader.

A GraderError is something the person at the keyboard can act on: it prints one line that says what is wrong and what to
do next, and the command ends with exit code 2 ("could not grade").  Any other exception is a bug of ours: cli.py writes
a log file and says where it is.
"""


class GraderError(Exception):
    """An expected failure; `message` is one line that ends with what to do next."""


class SubmissionError(GraderError):
    """The submission cannot be read at all (not an archive, a link, a name with `..`, too large)."""


class InfraError(GraderError):
    """The host failed, not the submission: an emulator that died by itself, a lost socket, a full disk.  Retried."""


class NotResident(InfraError):
    """A page that the host reads is valid and not in memory now.  That is no fault of the guest's: a test that means to read such a
    page lets the guest touch it first."""

    def __init__(self, address: int) -> None:
        super().__init__(f"the page at {address & 0xFFFFFFFF:#010x} is not in memory now; let the guest touch it before the test reads it")
        self.address = address
