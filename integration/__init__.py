"""Molva: which clients would recommend an agency, which already have, and what to do about the rest."""

__version__ = "0.1.0"
