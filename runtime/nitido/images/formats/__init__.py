"""One module for the reader or writer of each picture format."""
