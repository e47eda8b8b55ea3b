"""Files become jobs; jobs become normalized datasets."""
