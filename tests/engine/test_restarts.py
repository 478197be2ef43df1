"""When a container that ended starts again: the pause doubles, and a run of ten seconds begins it anew."""
