"""Submissions: the files of the challenge, written and scored."""
