"""What is wrong with a Dockerfile, a compose file, or the two together: a table of rules over what the files say.

`reading` makes the subjects of files, `rules/` holds the rows, `examine` applies them, `mending` makes the changes that
the findings propose, `pages` says of each rule what it is about. Files in, findings out; nothing is run.
"""
