//! Rotary position embedding (Su et al., arXiv:2104.09864).

use burn::{backend::Dispatch, tensor::Tensor};

use super::decoder_ops::DecoderOps;

/// Which two elements of a head turn together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pairs {
    /// `2i` and `2i + 1`, as in the paper.
    Adjacent,
    /// `i` and `i + n / 2`, where `n` elements are rotated.
    Halves,
}

/// Rotates every head of `x: [tokens, heads · width]` → the same shape.
///
/// `cos, sin: [tokens, n / 2]` of each token's angles; the first `n` elements of a head are rotated, `n ≤ width`.
pub(crate) fn rope_f32(
    x: Tensor<2>,
    cos: Tensor<2>,
    sin: Tensor<2>,
    heads: usize,
    pairs: Pairs,
) -> Tensor<2> {
    let (x, cos, sin) = (x.into_dispatch(), cos.into_dispatch(), sin.into_dispatch());
    Tensor::from_dispatch(Dispatch::rope_f32(x, cos, sin, heads, pairs))
}

/// The same in Burn's operations.
#[cfg(test)]
fn reference(x: Tensor<2>, cos: Tensor<2>, sin: Tensor<2>, heads: usize, pairs: Pairs) -> Tensor<2> {
    let ([tokens, all], [_, half]) = (x.dims(), cos.dims());
    let width = all / heads;
    let x: Tensor<3> = x.reshape([tokens, heads, width]);
    let rotated = x.clone().narrow(2, 0, 2 * half);
    // Both elements of a pair side by side, whichever dimension they come from.
    let (grid, dim) = match pairs {
        Pairs::Adjacent => ([tokens, heads, half, 2], 3),
        Pairs::Halves => ([tokens, heads, 2, half], 2),
    };
    let grid: Tensor<4> = rotated.reshape(grid);
    let side = |i| grid.clone().narrow(dim, i, 1).reshape([tokens, heads, half]);
    let (a, b) = (side(0), side(1));
    let turn = |t: Tensor<2>| t.reshape([tokens, 1, half]);
    let (cos, sin): (Tensor<3>, Tensor<3>) = (turn(cos), turn(sin));
    let (a, b) = (a.clone() * cos.clone() - b.clone() * sin.clone(), a * sin + b * cos);
    let sides = vec![a.unsqueeze_dim::<4>(dim), b.unsqueeze_dim::<4>(dim)];
    let rotated: Tensor<3> = Tensor::cat(sides, dim).reshape([tokens, heads, 2 * half]);
    if width == 2 * half {
        return rotated.reshape([tokens, all]);
    }
    let rest = x.narrow(2, 2 * half, width - 2 * half);
    Tensor::cat(vec![rotated, rest], 2).reshape([tokens, all])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{assert_close, devices, random_tensor, values};

    #[test]
    fn rope_f32_matches_its_reference() {
        let shapes =
            [[1, 1, 2, 1], [5, 3, 64, 32], [2, 4, 80, 40], [7, 2, 22, 11], [3, 2, 80, 16], [2, 1, 7, 3]];
        for (seed, [tokens, heads, width, half]) in (1..).zip(shapes) {
            for pairs in [Pairs::Adjacent, Pairs::Halves] {
                let x: Tensor<2> = random_tensor(seed, [tokens, heads * width]);
                let [cos, sin] = [7, 8].map(|i| random_tensor::<2>(seed * 10 + i, [tokens, half]));
                let expected = values(reference(x.clone(), cos.clone(), sin.clone(), heads, pairs));
                let before = values(x.clone());
                for device in devices() {
                    let [x, cos, sin] = [&x, &cos, &sin].map(|t| t.clone().to_device(&device));
                    let found = rope_f32(x.clone(), cos.clone(), sin.clone(), heads, pairs);
                    assert_close(&values(found), &expected, 1e-6);
                    assert_eq!(values(x.clone()), before, "a shared input was changed");
                    let all = heads * width;
                    let view = Tensor::cat(vec![x.clone(), x], 1).slice([0..tokens, all..2 * all]);
                    assert_close(&values(rope_f32(view, cos, sin, heads, pairs)), &expected, 1e-6);
                }
            }
        }
    }

    /// The definition, element by element.
    #[test]
    fn the_reference_turns_pairs_by_their_angle() {
        let x: Tensor<2> = random_tensor(1, [1, 6]);
        let (angles, before) = ([0.3f32, 2.0], values(x.clone()));
        let turn = |f: fn(f32) -> f32| Tensor::<2>::from_floats([angles.map(f)], &x.device());
        for (pairs, places) in [(Pairs::Adjacent, [(0, 1), (2, 3)]), (Pairs::Halves, [(0, 2), (1, 3)])] {
            let after = values(reference(x.clone(), turn(f32::cos), turn(f32::sin), 1, pairs));
            for ((i, j), angle) in places.into_iter().zip(angles) {
                let (sin, cos) = angle.sin_cos();
                let expected = [before[i] * cos - before[j] * sin, before[i] * sin + before[j] * cos];
                assert_close(&[after[i], after[j]], &expected, 1e-6);
            }
            assert_eq!(after[4..], before[4..]);
        }
    }
}
