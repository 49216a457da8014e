"""A system: separate, apply gains, remix, amplify and write the output."""
