"""A page and a JSON API around one model: requests wait in a bounded queue and are computed in batches."""

from scalemogen.serving.app import create_app
from scalemogen.serving.connections import Impatient
from scalemogen.serving.guard import is_loopback
from scalemogen.serving.limits import Limits

__all__ = ["Impatient", "Limits", "create_app", "is_loopback"]
