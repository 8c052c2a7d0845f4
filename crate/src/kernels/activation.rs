//! Activation functions that a linear layer applies in the same pass.

#[cfg(test)]
use burn::tensor::{Tensor, activation};

/// What follows the affine map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Activation {
    /// Nothing.
    Identity,
    /// `x · Φ(x)`, with the exact error function.
    Gelu,
    /// The same with `Φ` approximated through the hyperbolic tangent (Hendrycks and Gimpel, arXiv:1606.08415).
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
}

/// `then` of every element, in Burn's operations.
#[cfg(test)]
pub(super) fn activate(y: Tensor<2>, then: Activation) -> Tensor<2> {
    match then {
        Activation::Identity => y,
        Activation::Gelu => activation::gelu(y),
        Activation::GeluTanh => {
            let cubic = y.clone() + y.clone().powi_scalar(3) * 0.044_715;
            let tanh = (cubic * (2.0 / core::f64::consts::PI).sqrt()).tanh();
            y * 0.5 * (tanh + 1.0)
        }
        Activation::Relu => activation::relu(y),
    }
}
