"""A Bitrix24 portal and its authorisation server in memory, served as a process of its own."""
