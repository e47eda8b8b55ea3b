"""10x Genomics' matrices: triples of MatrixMarket and its lists, and HDF5."""
