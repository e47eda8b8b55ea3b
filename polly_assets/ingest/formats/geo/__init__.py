"""The formats of the Gene Expression Omnibus: SOFT, MINiML, series matrices, DataSets."""
