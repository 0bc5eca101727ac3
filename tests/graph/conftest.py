"""A hypothesis profile for machines of any speed."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("patient", deadline=None)  # the first call of a library can be slow
settings.load_profile("patient")
