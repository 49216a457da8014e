"""A system: separate, change gains, remix, amplify, and what is written of it."""
