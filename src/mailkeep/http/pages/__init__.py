"""Account pages: sign-up, sign-in, the account, recovery. Forms that work without scripts."""
