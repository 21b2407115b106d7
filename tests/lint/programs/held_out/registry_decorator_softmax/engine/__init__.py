# The engine package.
