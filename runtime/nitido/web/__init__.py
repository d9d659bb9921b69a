"""Web pages and servers on this machine."""
