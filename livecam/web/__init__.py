"""Local web server for pages in the user's browser: loopback only, for one user, with a strict policy."""
