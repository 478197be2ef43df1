"""What a stack does, told in sentences: the files' lines in their order, and what follows from them together."""
