"""The door for providers' webhooks: what comes in is a claim."""
