"""Rows. Functions take a session and name the portal; nothing here decides or talks to the network."""
