"""Letters: texts from templates, finished messages, and their way to a mail server."""
