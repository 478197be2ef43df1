"""`post_start` and `pre_stop` as the plan holds them."""

from dockless.compose import model
from dockless.compose.run.plan import Hook


def hooks_of(hooks: tuple[model.Hook, ...]) -> tuple[Hook, ...]:
    return tuple(
        Hook(
            command=each.command or (),
            user=each.user,
            privileged=each.privileged,
            working_dir=each.working_dir,
            environment=tuple(key if value is None else f"{key}={value}" for key, value in each.environment.items()),
        )
        for each in hooks
    )
