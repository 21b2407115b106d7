"""What the libraries' functions and layers do to a value: one file a library, and the names in one table."""
