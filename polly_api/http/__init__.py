"""The door over HTTP: one FastAPI application around a `Door`.

Owns routes, their models, authentication and the mapping of errors to status codes.
Add an operation as one route that calls one method of the door, with its name as operation id.
Keep out: anything that the door itself should do.
"""
