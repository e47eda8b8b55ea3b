"""The door: every user's read or write passes here.

Owns the in-process service (`door`), its HTTP face (`http`) and the SQL dialect (`sql`).
Add a user-facing operation as a method of the door and one route.
Keep out: terminal output and Dagster.
"""
