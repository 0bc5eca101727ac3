"""The experiment that graphrec exists for: does a movie's ID embedding earn its place?"""

from __future__ import annotations

from graphrec.study.experiment import Study, ablate
from graphrec.study.settings import StudySettings

__all__ = ["Study", "StudySettings", "ablate"]
