"""The second seat: the desk in the pocket. Best effort by policy; no order ever waits for it."""
