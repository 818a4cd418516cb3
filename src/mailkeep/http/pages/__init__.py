"""Account pages for customers: sign-up, sign-in, the account, recovery. Forms that work without
scripts."""
