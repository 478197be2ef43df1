"""What a stack does, what is wrong with it, and a new one: files in, values out; no engine is asked, nothing is run.

`story/` says what a Dockerfile and a compose file do, `drawing/` draws the stack, `export/` says it in other tools'
words, `doctor/` finds faults, `init/` writes a stack for an application.
"""
