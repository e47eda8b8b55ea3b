"""The SQL door: users' statements in Trino's dialect, checked and made ready for an engine.

Call `prepare.prepare`; implement `catalog.Catalog` to say which tables there are.
Keep out: storage, engines and HTTP.
"""
