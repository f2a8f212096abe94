"""What leaves the instructor's tree, looked through for what must stay: the reference, its names, hidden files.

secrets.py reads from the tree what must stay, search.py looks for it; forms.py, coff.py and repository.py know how texts,
objects and repositories hide it.
"""

from grader.leaks.forms import squeezed
from grader.leaks.search import KINDS, Leak, counted, find
from grader.leaks.secrets import Secrets, private_kind, secrets

__all__ = ["KINDS", "Leak", "Secrets", "counted", "find", "private_kind", "secrets", "squeezed"]
