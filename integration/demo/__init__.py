"""The whole thing at home: a sandbox portal, Molva, a mail room, and people who live through a year.

Whatever happens here goes the way it goes outside: letters through SMTP, answers through HTTP, staff
through the portal. What ought to come out is computed from the story alone (``expect``), what came out is
read from the portal by REST (``actual``).
"""
