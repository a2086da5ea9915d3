"""The one blueprint, and with it the models."""

from .views import bp

__all__ = ["bp"]
