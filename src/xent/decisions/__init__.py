"""Decisions: thresholds on calibrated probabilities, sets, scores of the unknown, and the policy that is deployed."""

from xent.decisions import ensemble, ood
from xent.decisions._set_quality import SetQuality
from xent.decisions.conformal import ConformalClassifier
from xent.decisions.costs import BayesDecision, bayes_decision, bayes_threshold
from xent.decisions.operating_points import Cut, OperatingPoint, OperatingPoints, operating_points, threshold_at
from xent.decisions.policy import Decision, Policy
from xent.decisions.thresholds import Goal, OddsHistogram, needed_positives

__all__ = [
    "BayesDecision",
    "ConformalClassifier",
    "Cut",
    "Decision",
    "Goal",
    "OddsHistogram",
    "OperatingPoint",
    "OperatingPoints",
    "Policy",
    "SetQuality",
    "bayes_decision",
    "bayes_threshold",
    "ensemble",
    "needed_positives",
    "ood",
    "operating_points",
    "threshold_at",
]
