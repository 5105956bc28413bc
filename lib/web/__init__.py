"""The outermost room: the gate, the login, the JSON API and what the pages share."""
