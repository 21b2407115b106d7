"""Decisions: thresholds on calibrated probabilities, and the policy that carries them into deployment."""

from xent.decisions.policy import Decision, Policy
from xent.decisions.thresholds import Goal, OddsHistogram, needed_positives

__all__ = ["Decision", "Goal", "OddsHistogram", "Policy", "needed_positives"]
