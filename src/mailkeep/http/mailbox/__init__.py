"""The development mailbox: what the stand-in providers delivered, and their faults, in the browser.

Exists in development mode only. A mail is hostile input: ``letter`` and ``markup`` bound what they
look at and never raise; its HTML is shown in a frame without scripts, without an origin of its own
and without anything from elsewhere; nothing of it is written into a page unescaped, and its files
are only ever downloaded. A GET shows and changes nothing: the browser alone remembers which mails
were read, and nothing of that reaches a provider.
"""
