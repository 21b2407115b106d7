"""Silent loss mistakes, found in source code before a run."""
