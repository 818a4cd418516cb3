"""Entry point of providers' webhooks: whatever comes in is a claim."""
