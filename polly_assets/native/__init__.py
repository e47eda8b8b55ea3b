"""Inner loops in C++, each beside a slower one in Python that gives the same answers.

Owns loops over bytes and numbers that numpy and polars have no fast word for. A function `f` is
compiled in `_module.cpp` (C++17, limited API of 3.11, no GIL while it works, every index checked)
and written again in `module.py`, which takes the compiled one where there is one. Installing
without a compiler leaves the compiled modules out.
Keep out: the meaning of formats, errors for people, files.
"""
