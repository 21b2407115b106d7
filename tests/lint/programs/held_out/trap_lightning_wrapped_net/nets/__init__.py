# Networks of the project.
from .gated import GatedMLP
