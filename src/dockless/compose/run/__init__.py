"""What Compose does with a project: observe the engine, plan, carry the plan out.

`convert` says what the API is asked for, `converge` and `teardown` make plans as data, `execute` carries them out, and
`images` sees to it that every image is there first.
"""
