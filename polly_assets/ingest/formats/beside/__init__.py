"""Files that describe a matrix beside it."""
