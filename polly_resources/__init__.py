"""What the platform can talk to: one folder per capability, one small contract each.

Owns the shared words (`records`), the error tree (`errors`), the settings and the backends.
Add a backend as one file in its capability's folder and one row in `backends`.
Keep out: biology, scheduling, HTTP.
"""
