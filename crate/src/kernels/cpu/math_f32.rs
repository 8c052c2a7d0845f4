//! Elementary functions on four lanes.

use super::f32x4::F32x4;

/// e^x, within 2 units in the last place on [-87, 88]; the argument is clamped to that range.
///
/// Range reduction by `x = n·ln 2 + r` with ln 2 in two parts (Cody and Waite), then the Taylor polynomial of
/// degree seven on |r| ≤ ln 2 / 2, whose remainder is below 6e-9.
#[inline(always)]
pub(crate) fn exp(x: F32x4) -> F32x4 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.max(F32x4::splat(-87.0)).min(F32x4::splat(88.0));
    // Beside so large a number there is room for nothing but whole ones.
    let large = F32x4::splat(F32x4::LARGE);
    let beside = x.mul_add(F32x4::splat(core::f32::consts::LOG2_E), large);
    let n = beside.sub(large);
    let r = n.mul_add(F32x4::splat(-LN2_HIGH), x);
    let r = n.mul_add(F32x4::splat(-LN2_LOW), r);
    let mut p = F32x4::splat(1.0 / 5040.0);
    for c in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = p.mul_add(r, F32x4::splat(c));
    }
    p.mul(beside.exp2_beside())
}

/// The error function, within 5e-7 everywhere: `x · P(x²) / Q(x²)`, which was fitted to have the same largest error, of
/// 2e-8, all over [-3.9, 3.9]. Beyond, the function is one for an f32.
#[inline(always)]
pub(crate) fn erf(x: F32x4) -> F32x4 {
    const P: [f32; 6] = [
        2.050_378e-6,
        2.874_500_4e-4,
        3.836_691_1e-3,
        5.296_634_5e-2,
        0.191_937_13,
        core::f32::consts::FRAC_2_SQRT_PI,
    ];
    const Q: [f32; 6] = [3.823_026_4e-5, 1.181_683_7e-3, 1.510_883_9e-2, 0.114_756_54, 0.503_431_6, 1.0];
    let x = x.max(F32x4::splat(-3.9)).min(F32x4::splat(3.9));
    let square = x.mul(x);
    let [p, q] = [P, Q].map(|[first, rest @ ..]| {
        rest.into_iter().fold(F32x4::splat(first), |sum, c| sum.mul_add(square, F32x4::splat(c)))
    });
    x.mul(p).div(q)
}

/// The Gaussian error linear unit with the exact error function: `x · (1 + erf(x / √2)) / 2`.
#[inline(always)]
pub(crate) fn gelu(x: F32x4) -> F32x4 {
    let half = x.mul(F32x4::splat(0.5));
    half.mul_add(erf(x.mul(F32x4::splat(core::f32::consts::FRAC_1_SQRT_2))), half)
}

/// The same with `tanh` in the place of the error function: `x · σ(2·√(2/π)·(x + 0.044715·x³))`, which is
/// `x · (1 + tanh(√(2/π)·(x + 0.044715·x³))) / 2`.
#[inline(always)]
pub(crate) fn gelu_tanh(x: F32x4) -> F32x4 {
    const RATE: f32 = -2.0 * 0.797_884_6;
    let cubic = x.mul(x).mul(x).mul_add(F32x4::splat(0.044_715), x);
    x.div(exp(cubic.mul(F32x4::splat(RATE))).add(F32x4::splat(1.0)))
}

/// The sigmoid linear unit: `x · σ(x)` (Elfwing et al., arXiv:1702.03118).
#[inline(always)]
pub(crate) fn silu(x: F32x4) -> F32x4 {
    x.div(exp(F32x4::splat(0.0).sub(x)).add(F32x4::splat(1.0)))
}

/// The hyperbolic tangent, within 3e-7: `1 − 2 / (e^(2x) + 1)`.
#[inline(always)]
pub(crate) fn tanh(x: F32x4) -> F32x4 {
    let one = F32x4::splat(1.0);
    one.sub(F32x4::splat(2.0).div(exp(x.add(x)).add(one)))
}

/// Applies `f` to every element, four at a time.
#[inline(always)]
pub(crate) fn map(values: &mut [f32], f: impl Fn(F32x4) -> F32x4) {
    let mut fours = values.chunks_exact_mut(4);
    for four in &mut fours {
        // SAFETY: the chunk holds four elements.
        unsafe { f(F32x4::load(four.as_ptr())).store(four.as_mut_ptr()) }
    }
    let rest = fours.into_remainder();
    let mut lanes = [0.0; 4];
    lanes[..rest.len()].copy_from_slice(rest);
    // SAFETY: `lanes` holds four elements.
    unsafe { f(F32x4::load(lanes.as_ptr())).store(lanes.as_mut_ptr()) }
    rest.copy_from_slice(&lanes[..rest.len()]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Maclaurin series and, in the tail, the continued fraction of the complement, in f64.
    fn erf_oracle(x: f64) -> f64 {
        if x.abs() > 3.0 {
            let a = x.abs();
            let fraction = (1..60).rev().fold(0.0, |f, n| f64::from(n) / 2.0 / (a + f));
            let tail = (-a * a).exp() / (a + fraction) / core::f64::consts::PI.sqrt();
            return (1.0 - tail).copysign(x);
        }
        let (mut sum, mut term) = (x, x);
        for n in 1..80 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * core::f64::consts::FRAC_2_SQRT_PI
    }

    fn grid() -> impl Iterator<Item = f32> {
        (-9000..=9000).map(|i| i as f32 / 100.0)
    }

    fn at(f: impl Fn(F32x4) -> F32x4, x: f32) -> f64 {
        f64::from(f(F32x4::splat(x)).to_array()[3])
    }

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        for x in grid().filter(|x| (-87.0..=88.0).contains(x)) {
            let exact = f64::from(x).exp();
            assert!((at(exp, x) / exact - 1.0).abs() < 2.4e-7, "exp({x})");
        }
        assert!(at(exp, f32::NEG_INFINITY) < 2e-38);
    }

    #[test]
    fn erf_and_gelu_match_their_definitions() {
        for x in grid() {
            let exact = erf_oracle(f64::from(x));
            assert!((at(erf, x) - exact).abs() < 5e-7, "erf({x})");
            let exact =
                f64::from(x) * (1.0 + erf_oracle(f64::from(x) * core::f64::consts::FRAC_1_SQRT_2)) / 2.0;
            assert!((at(gelu, x) - exact).abs() < 4e-7 * f64::from(x).abs().max(1.0), "gelu({x})");
        }
    }

    #[test]
    fn tanh_and_silu_match_their_definitions() {
        for x in grid() {
            let exact = f64::from(x);
            assert!((at(tanh, x) - exact.tanh()).abs() < 3e-7, "tanh({x})");
            let silu_exact = exact / (1.0 + (-exact).exp());
            assert!((at(silu, x) - silu_exact).abs() < 4e-7 * exact.abs().max(1.0), "silu({x})");
        }
    }

    #[test]
    fn map_reaches_every_element_of_any_length() {
        for len in 0..11 {
            let mut values: Vec<f32> = (0..len).map(|i| i as f32).collect();
            map(&mut values, |x| x.add(F32x4::splat(1.0)));
            assert!(values.iter().enumerate().all(|(i, v)| *v == i as f32 + 1.0));
        }
    }
}
