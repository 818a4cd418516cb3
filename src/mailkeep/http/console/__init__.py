"""The operators' console: incidents, providers, accounts, messages, moves."""
