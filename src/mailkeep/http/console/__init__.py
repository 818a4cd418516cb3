"""Pages for the people who run Mailkeep; so far the development mailbox."""
