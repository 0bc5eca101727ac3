"""The experiment that graphrec exists for: is an ID embedding worth learning beside metadata?"""

from __future__ import annotations

from graphrec.study.experiment import Study, ablate
from graphrec.study.settings import StudySettings

__all__ = ["Study", "StudySettings", "ablate"]
