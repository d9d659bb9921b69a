"""Training of Nítido models.

This package imports nothing on its own, so that its parts without torch (``data.degrade``, ``evaluation.metrics``,
``evaluation.conditions``) can also be used where torch is not installed.
"""
