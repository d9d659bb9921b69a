"""One module for what each picture format asks of its reader or its writer."""
