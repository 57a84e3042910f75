"""A module whose name is one of ours."""

WHOSE = "theirs"
