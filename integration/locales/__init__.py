"""The catalogues of texts: one `.po` file per language, and the tool that collects the message ids."""
