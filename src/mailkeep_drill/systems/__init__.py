"""The systems that are attacked: how to start them, use them honestly, and rob them."""
