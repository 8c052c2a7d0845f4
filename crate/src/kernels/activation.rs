//! Activation functions that a linear layer applies in the same pass.

/// What follows the affine map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
