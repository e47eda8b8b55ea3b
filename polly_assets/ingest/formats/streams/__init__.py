"""What text formats and large matrices share: bytes, lines and tables, a block at a time."""
