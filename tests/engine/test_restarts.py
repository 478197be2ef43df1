"""When a container that ended starts again: the pause doubles, and a run of ten seconds begins it anew."""

from enginekit import Rig, with_rig

from dockless.engine.restarts import delay_before
from dockless.places import Places
from dockless.wire.config import RestartPolicy
