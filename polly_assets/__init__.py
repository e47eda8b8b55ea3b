"""What the platform makes: the workstreams as Dagster assets beside their pure code.

Owns reading files, curation, publication and the asset graph that ties them together.
Add a file format, an annotation model or an export as one file in its folder.
Keep out: HTTP, terminals, and any library of a particular server.
"""
