"""Keras layers on PyTorch's fused kernels: training on a CPU takes half the time.

Keras' PyTorch backend pads, transposes and normalises in separate operations; PyTorch has one kernel for each
layer. Only the computation differs: layers, names and weights stay those of the Keras model.
"""

import warnings
from collections.abc import Callable
from typing import Any, cast

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

Tensor = Any
Predict = Callable[[NDArray[np.float32]], dict[str, NDArray[np.float32]]]


def use_fused_torch_layers(model: keras.Model, precision: str = "") -> keras.Model:
    """Return a faster model of the same layers and weights, if Keras runs on PyTorch.

    `precision` is "float32" or "mixed_bfloat16" (weights stay float32: "Mixed Precision Training",
    Micikevicius et al., 2018); the latter by default if the CPU has bfloat16 instructions. On
    another backend `model` itself is returned.
    """
    if keras.backend.backend() != "torch":
        return model
    precision = precision or ("mixed_bfloat16" if _has_bfloat16() else "float32")
    fused = keras.models.clone_model(model, clone_function=lambda layer: _fused_layer(layer, precision))
    fused.set_weights(model.get_weights())
    return fused


def freeze_graph(model: keras.Model) -> Predict:
    """Return a function that runs `model` with its current weights, faster than ``predict``.

    On PyTorch the graph is traced and batch normalisation is folded into convolutions: half the time. The
    function takes float32 (batch, height, width, 3) and returns a dict of NumPy arrays like the model's
    outputs. Every batch must have the size of the first. Call it from one thread at a time.
    """
    if keras.backend.backend() != "torch":
        return cast(Predict, model.predict_on_batch)
    import torch

    names = sorted(model.output)
    frozen: list[Any] = []

    class Traced(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            outputs = self.model(x, training=False)
            return tuple(outputs[name] for name in names)

    def predict(images: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        with torch.no_grad(), warnings.catch_warnings():
            x = torch.from_numpy(images)
            if not frozen:
                warnings.simplefilter("ignore")  # PyTorch: tracing is deprecated; shapes are constants.
                trace = cast(Any, torch.jit.trace)
                traced = trace(Traced().eval(), x, check_trace=False)
                frozen.append(torch.jit.freeze(traced))
            return {name: outputs.numpy() for name, outputs in zip(names, frozen[0](x), strict=True)}

    return predict


def _has_bfloat16() -> bool:
    import torch

    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())


def _fused_layer(layer: keras.layers.Layer, precision: str) -> keras.layers.Layer:
    fused_types: dict[Any, Any] = {
        layers.Conv2D: FusedConv2D,
        layers.DepthwiseConv2D: FusedDepthwiseConv2D,
        layers.Conv2DTranspose: FusedConv2DTranspose,
        layers.BatchNormalization: FusedBatchNormalization,
        layers.ReLU: FusedReLU,
    }
    settings = layer.get_config()
    if not isinstance(layer, layers.InputLayer):
        settings["dtype"] = precision
    fused_type = fused_types.get(type(layer), type(layer))
    return fused_type.from_config(settings)


def _first(x: Tensor) -> Tensor:
    """Return a view with channels first, PyTorch's order; memory stays channels last."""
    return x.permute(0, 3, 1, 2)


def _last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)


class FusedConv2D(layers.Conv2D):  # type: ignore[misc]
    """`Conv2D` with padding "same", an odd kernel and strides of 1 or 2."""

    def call(self, inputs: Tensor) -> Tensor:
        """Convolve (batch, height, width, channels); `strides` times smaller."""
        return self.activation(_convolve(self, inputs, self.kernel.value.permute(3, 2, 0, 1)))


class FusedDepthwiseConv2D(layers.DepthwiseConv2D):  # type: ignore[misc]
    """`DepthwiseConv2D` with padding "same", an odd kernel, strides of 1 or 2 and one kernel a channel."""

    def call(self, inputs: Tensor) -> Tensor:
        """Convolve (batch, height, width, channels); `strides` times smaller."""
        kernel = self.kernel.value.permute(2, 3, 0, 1)
        # Its gradient takes five times as long in bfloat16 (PyTorch 2.13).
        x = _convolve(self, inputs.float(), kernel, groups=inputs.shape[-1])
        return self.activation(x.to(inputs.dtype))


def _convolve(layer: keras.layers.Layer, inputs: Tensor, kernel: Tensor, groups: int = 1) -> Tensor:
    from torch.nn import functional

    x = _first(inputs)
    padding = [d * (k // 2) for d, k in zip(layer.dilation_rate, layer.kernel_size, strict=True)]
    if max(layer.strides) > 1:
        # Keras and LiteRT pad an even image at the right and bottom only.
        before = [max(0, r - 1) if side % 2 == 0 else r for r, side in zip(padding, x.shape[2:], strict=True)]
        x = functional.pad(x, (before[1], padding[1], before[0], padding[0]))
        padding = [0, 0]
    bias = layer.bias.value.to(x.dtype) if layer.use_bias else None
    return _last(
        functional.conv2d(x, kernel.to(x.dtype), bias, layer.strides, padding, layer.dilation_rate, groups)
    )


class FusedConv2DTranspose(layers.Conv2DTranspose):  # type: ignore[misc]
    """`Conv2DTranspose` whose strides are its kernel's size."""

    def call(self, inputs: Tensor) -> Tensor:
        """Upsample (batch, height, width, channels); `strides` times larger."""
        from torch.nn import functional

        kernel = self.kernel.value.permute(3, 2, 0, 1).to(inputs.dtype)
        bias = self.bias.value.to(inputs.dtype) if self.use_bias else None
        return _last(functional.conv_transpose2d(_first(inputs), kernel, bias, self.strides))


class FusedBatchNormalization(layers.BatchNormalization):  # type: ignore[misc]
    """`BatchNormalization` of the last axis."""

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor = None) -> Tensor:
        """Normalise; updates the moving averages in training."""
        from torch.nn import functional

        training_now = bool(training and self.trainable)
        x = functional.batch_norm(
            _first(inputs), self.moving_mean.value, self.moving_variance.value,
            self.gamma.value, self.beta.value, training_now, 1 - self.momentum, self.epsilon,
        )  # fmt: skip
        return _last(x)


class FusedReLU(layers.ReLU):  # type: ignore[misc]
    """`ReLU` without a slope."""

    def call(self, inputs: Tensor) -> Tensor:
        """Apply the activation."""
        from torch.nn import functional

        if self.max_value is None:
            return functional.relu(inputs)
        # One pass over memory.
        return functional.hardtanh(inputs, 0.0, float(self.max_value))
