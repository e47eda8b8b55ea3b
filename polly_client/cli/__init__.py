"""The `polly` command: verbs in files, one place each for output, progress and exit codes.

Add a verb to the file of its kind. Keep out: work; a verb calls the Python client and shows
what it got.
"""
