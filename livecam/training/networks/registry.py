"""Registry of network architectures: name, builder, recipe, and the change that export needs.

A network module decorates its builder with `register_network`, as timm's models do with `register_model`,
and is added to `_NETWORK_MODULES`, which is imported at the first look-up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from livecam.core.errors import UsageError
from livecam.core.geometry import Size

if TYPE_CHECKING:
    from livecam.training.recipe import Recipe

Model = Any
Builder = Callable[[Size | None], Model]
B = TypeVar("B", bound=Builder)
_NETWORK_MODULES = ("livecam.training.networks.matting_net", "livecam.training.textbook")
_networks: dict[str, "RegisteredNetwork"] = {}


def _unchanged(model: Model) -> Model:
    return model


@dataclass(frozen=True)
class RegisteredNetwork:
    """A network that `--network` can name.

    `build(size)` returns it untrained, with its own input size if `size` is None. `recipe` is the class that
    trains it, as ``module:Class``. `add_matte(model)` gives a trained model the outputs ``classes`` and
    ``matte`` if it lacks them.
    """

    name: str
    build: Builder
    recipe: str
    add_matte: Callable[[Model], Model] = _unchanged

    def recipe_class(self) -> "type[Recipe]":
        """Import the recipe."""
        module, _, name = self.recipe.partition(":")
        return getattr(import_module(module), name)  # type: ignore[no-any-return]


def register_network(
    name: str, recipe: str, add_matte: Callable[[Model], Model] = _unchanged
) -> Callable[[B], B]:
    """Return a decorator that registers a builder under `name`."""

    def register(build: B) -> B:
        _networks[name] = RegisteredNetwork(name, build, recipe, add_matte)
        return build

    return register


def list_networks() -> tuple[str, ...]:
    """Return the names of all networks."""
    for module in _NETWORK_MODULES:
        import_module(module)
    return tuple(_networks)


def find_network(name: str) -> RegisteredNetwork | None:
    """Return the network of this name, None if there is none."""
    list_networks()
    return _networks.get(name)


def get_network(name: str) -> RegisteredNetwork:
    """Return the network of this name.

    Raises:
        UsageError: there is none.
    """
    network = find_network(name)
    if network is None:
        raise UsageError(f"no network is called {name!r}; there are {', '.join(list_networks())}")
    return network
