"""What formats in HDF5 share: careful access, and matrices read a part at a time."""
