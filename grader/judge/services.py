"""What a test's context is brought (api.Services): the explorer, and the judge of a student's own scenarios."""

from __future__ import annotations

from grader.api import Services
from grader.explore import trial
from grader.mytest import judging

SERVICES = Services(explore=trial.run, catches=judging.catches)
