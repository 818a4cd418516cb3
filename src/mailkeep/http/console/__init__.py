"""Pages for the people who run Mailkeep: incidents, and the development mailbox."""
