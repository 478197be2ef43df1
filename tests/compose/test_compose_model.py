"""The model against the specification's schema: every key there is a field here."""

import typing
from typing import Any

import pytest

from dockless.compose import model
from dockless.compose.load.check import schema

_PLACES: dict[str, tuple[type, ...]] = {
    "service": (model.Service,),
    "service.build": (model.Build,),
    "service.blkio_config": (model.BlkioConfig,),
    "service.credential_spec": (model.CredentialSpec,),
    "service.logging": (model.Logging,),
    "service.provider": (model.Provider,),
    "service.ports": (model.Port,),
    "service.volumes": (model.ServiceVolume,),
    "service.devices": (model.DeviceMapping,),
    "service.extends": (model.Extends,),
    "healthcheck": (model.Healthcheck,),
    "development": (model.Develop,),
    "development.watch": (model.WatchTrigger,),
    "deployment": (model.Deploy,),
    "deployment.update_config": (model.UpdateConfig,),
    "deployment.rollback_config": (model.UpdateConfig,),
    "deployment.resources": (model.Resources,),
    "deployment.restart_policy": (model.RestartPolicy,),
    "deployment.placement": (model.Placement,),
    "devices": (model.DeviceRequest,),
    "generic_resources": (model.GenericResource,),
    "network": (model.Network,),
    "network.ipam": (model.Ipam,),
    "volume": (model.Volume,),
    "secret": (model.FileObject,),
    "config": (model.FileObject,),
    "model": (model.Model,),
    "service_hook": (model.Hook,),
    "env_file": (model.EnvFile,),
    "service_config_or_secret": (model.FileReference,),
    "ulimits": (model.Ulimit,),
    "blkio_limit": (model.ThrottleDevice,),
    "blkio_weight": (model.WeightDevice,),
}


def _properties(spec: Any) -> dict[str, Any]:
    """The keys of the mapping that a part of the schema describes, whichever way it does."""
    found: dict[str, Any] = dict(spec.get("properties", {}))
    parts = [*spec.get("oneOf", ()), *spec.get("patternProperties", {}).values()]
    for part in [*parts, *([spec["items"]] if "items" in spec else ())]:
        found.update(_properties(part))
    return found


def _spec(place: str) -> Any:
    name, _, key = place.partition(".")
    spec = schema()["definitions"][name]
    return spec["properties"][key] if key else spec


@pytest.mark.parametrize("place", _PLACES)
def test_every_key_of_the_specification_is_a_field(place: str) -> None:
    keys = set(_properties(_spec(place)))
    assert keys
    for kind in _PLACES[place]:
        assert keys <= set(typing.get_type_hints(kind))


def test_every_top_level_key_is_a_field() -> None:
    read_while_loading = {"version", "include"}
    assert set(schema()["properties"]) - read_while_loading <= set(typing.get_type_hints(model.Project))


def test_the_model_is_frozen() -> None:
    with pytest.raises(AttributeError):
        model.Service().image = "x"  # type: ignore[misc]


def test_replicas_are_the_scale_then_the_deployment_then_one() -> None:
    assert model.Service().replicas == 1
    assert model.Service(deploy=model.Deploy(replicas=3)).replicas == 3
    assert model.Service(scale=0, deploy=model.Deploy(replicas=3)).replicas == 0
