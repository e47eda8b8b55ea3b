"""The tables of curation: names, keys, strains, origins of cell lines. One fact a row."""
