//! Four f32 lanes: one wasm `v128` where there is simd128, an array elsewhere.
//!
//! The kernels are written once against this type, so that a native test runs the same algorithm as the browser.
//! Every operation rounds like its scalar counterpart, but for [`F32x4::mul_add`], which relaxed SIMD may round once.

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod lanes {
    use core::arch::wasm32::{
        f32x4_abs, f32x4_add, f32x4_convert_i32x4, f32x4_div, f32x4_extract_lane, f32x4_ge, f32x4_mul,
        f32x4_nearest, f32x4_pmax, f32x4_pmin, f32x4_splat, f32x4_sub, i16x8_extend_low_i8x16, i32x4_add,
        i32x4_extend_high_u16x8, i32x4_extend_low_i16x8, i32x4_extend_low_u16x8, i32x4_load_extend_i16x4,
        i32x4_max, i32x4_shl, i32x4_shuffle, i32x4_splat, v128, v128_and, v128_load, v128_or, v128_store,
    };

    /// Four f32 lanes.
    #[derive(Clone, Copy)]
    pub(crate) struct F32x4(pub(in crate::kernels::cpu) v128);

    impl F32x4 {
        #[inline(always)]
        pub(crate) fn splat(x: f32) -> Self {
            Self(f32x4_splat(x))
        }

        /// # Safety
        /// `p` must be valid for reading four f32; no alignment is needed.
        #[inline(always)]
        pub(crate) unsafe fn load(p: *const f32) -> Self {
            Self(unsafe { v128_load(p.cast()) })
        }

        /// # Safety
        /// `p` must be valid for writing four f32; no alignment is needed.
        #[inline(always)]
        pub(crate) unsafe fn store(self, p: *mut f32) {
            unsafe { v128_store(p.cast(), self.0) }
        }

        #[inline(always)]
        pub(crate) fn add(self, o: Self) -> Self {
            Self(f32x4_add(self.0, o.0))
        }

        #[inline(always)]
        pub(crate) fn sub(self, o: Self) -> Self {
            Self(f32x4_sub(self.0, o.0))
        }

        #[inline(always)]
        pub(crate) fn mul(self, o: Self) -> Self {
            Self(f32x4_mul(self.0, o.0))
        }

        #[inline(always)]
        pub(crate) fn div(self, o: Self) -> Self {
            Self(f32x4_div(self.0, o.0))
        }

        #[inline(always)]
        pub(crate) fn max(self, o: Self) -> Self {
            Self(f32x4_pmax(self.0, o.0))
        }

        /// The larger of magnitudes, which have no sign. NaN is larger than all of them.
        #[inline(always)]
        pub(crate) fn larger(self, o: Self) -> Self {
            Self(i32x4_max(self.0, o.0))
        }

        #[inline(always)]
        pub(crate) fn min(self, o: Self) -> Self {
            Self(f32x4_pmin(self.0, o.0))
        }

        #[inline(always)]
        pub(crate) fn abs(self) -> Self {
            Self(f32x4_abs(self.0))
        }

        #[inline(always)]
        pub(crate) fn round(self) -> Self {
            Self(f32x4_nearest(self.0))
        }

        /// 2^n of n + [`F32x4::LARGE`], for whole `n` in [-126, 127].
        #[inline(always)]
        pub(crate) fn exp2_beside(self) -> Self {
            Self(i32x4_add(i32x4_shl(self.0, 23), i32x4_splat(127 << 23)))
        }

        /// Neighbouring lanes exchanged.
        #[inline(always)]
        pub(crate) fn swap_lanes(self) -> Self {
            Self(i32x4_shuffle::<1, 0, 3, 2>(self.0, self.0))
        }

        /// The two halves exchanged.
        #[inline(always)]
        pub(crate) fn swap_halves(self) -> Self {
            Self(i32x4_shuffle::<2, 3, 0, 1>(self.0, self.0))
        }

        /// The four lanes, first lane first.
        #[inline(always)]
        pub(crate) fn to_array(self) -> [f32; 4] {
            [
                f32x4_extract_lane::<0>(self.0),
                f32x4_extract_lane::<1>(self.0),
                f32x4_extract_lane::<2>(self.0),
                f32x4_extract_lane::<3>(self.0),
            ]
        }

        /// Four signed bytes.
        #[inline(always)]
        pub(crate) fn from_i8(bytes: [i8; 4]) -> Self {
            let word = i32x4_splat(i32::from_le_bytes(bytes.map(i8::cast_unsigned)));
            Self(f32x4_convert_i32x4(i32x4_extend_low_i16x8(i16x8_extend_low_i8x16(word))))
        }

        /// Four numbers of IEEE 754 binary16, none of which is infinite or NaN.
        #[inline(always)]
        pub(crate) fn from_finite_f16(halves: [u16; 4]) -> Self {
            // SAFETY: there are eight bytes.
            let signed = unsafe { i32x4_load_extend_i16x4(halves.as_ptr().cast()) };
            // Three copies of the sign are in the way. The exponent is rebased by a multiplication, which also makes
            // subnormals normal.
            let shifted = v128_and(i32x4_shl(signed, 13), i32x4_splat(0x8fff_ffff_u32.cast_signed()));
            Self(f32x4_mul(shifted, f32x4_splat(f32::from_bits(0x7780_0000))))
        }

        /// Eight numbers of IEEE 754 binary16.
        #[inline(always)]
        pub(crate) fn from_f16(halves: &[u16; 8]) -> [Self; 2] {
            widen(halves).map(|h| {
                // The exponent is rebased by a multiplication, which also makes subnormals normal; what was infinite
                // or NaN is then at least 65,536, and gets the largest exponent back.
                let shifted = i32x4_shl(v128_and(h, i32x4_splat(0x7fff)), 13);
                let rebased = f32x4_mul(shifted, f32x4_splat(f32::from_bits(0x7780_0000)));
                let special = f32x4_ge(rebased, f32x4_splat(65536.0));
                let exponent = v128_and(special, i32x4_splat(0x7f80_0000));
                let sign = i32x4_shl(v128_and(h, i32x4_splat(0x8000)), 16);
                Self(v128_or(v128_or(rebased, exponent), sign))
            })
        }

        /// Eight upper halves of f32.
        #[inline(always)]
        pub(crate) fn from_bf16(halves: &[u16; 8]) -> [Self; 2] {
            widen(halves).map(|h| Self(i32x4_shl(h, 16)))
        }
    }

    #[inline(always)]
    fn widen(halves: &[u16; 8]) -> [v128; 2] {
        // SAFETY: there are sixteen bytes.
        let halves = unsafe { v128_load(halves.as_ptr().cast()) };
        [i32x4_extend_low_u16x8(halves), i32x4_extend_high_u16x8(halves)]
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod lanes {
    use half::f16;

    /// Four f32 lanes.
    #[derive(Clone, Copy)]
    pub(crate) struct F32x4(pub(in crate::kernels::cpu) [f32; 4]);

    impl F32x4 {
        #[inline(always)]
        fn zip(self, o: Self, f: impl Fn(f32, f32) -> f32) -> Self {
            Self(core::array::from_fn(|i| f(self.0[i], o.0[i])))
        }

        #[inline(always)]
        pub(crate) fn splat(x: f32) -> Self {
            Self([x; 4])
        }

        /// # Safety
        /// `p` must be valid for reading four f32; no alignment is needed.
        #[inline(always)]
        pub(crate) unsafe fn load(p: *const f32) -> Self {
            Self(unsafe { p.cast::<[f32; 4]>().read_unaligned() })
        }

        /// # Safety
        /// `p` must be valid for writing four f32; no alignment is needed.
        #[inline(always)]
        pub(crate) unsafe fn store(self, p: *mut f32) {
            unsafe { p.cast::<[f32; 4]>().write_unaligned(self.0) }
        }

        #[inline(always)]
        pub(crate) fn add(self, o: Self) -> Self {
            self.zip(o, |a, b| a + b)
        }

        #[inline(always)]
        pub(crate) fn sub(self, o: Self) -> Self {
            self.zip(o, |a, b| a - b)
        }

        #[inline(always)]
        pub(crate) fn mul(self, o: Self) -> Self {
            self.zip(o, |a, b| a * b)
        }

        #[inline(always)]
        pub(crate) fn div(self, o: Self) -> Self {
            self.zip(o, |a, b| a / b)
        }

        #[inline(always)]
        pub(crate) fn max(self, o: Self) -> Self {
            self.zip(o, |a, b| if a < b { b } else { a })
        }

        /// The larger of magnitudes, which have no sign. NaN is larger than all of them.
        #[inline(always)]
        pub(crate) fn larger(self, o: Self) -> Self {
            self.zip(o, |a, b| f32::from_bits(a.to_bits().max(b.to_bits())))
        }

        #[inline(always)]
        pub(crate) fn min(self, o: Self) -> Self {
            self.zip(o, |a, b| if b < a { b } else { a })
        }

        #[inline(always)]
        pub(crate) fn abs(self) -> Self {
            Self(self.0.map(f32::abs))
        }

        #[inline(always)]
        pub(crate) fn round(self) -> Self {
            Self(self.0.map(f32::round_ties_even))
        }

        /// 2^n of n + [`F32x4::LARGE`], for whole `n` in [-126, 127].
        #[inline(always)]
        pub(crate) fn exp2_beside(self) -> Self {
            Self(self.0.map(|beside| f32::from_bits((beside.to_bits() << 23).wrapping_add(127 << 23))))
        }

        /// Neighbouring lanes exchanged.
        #[inline(always)]
        pub(crate) fn swap_lanes(self) -> Self {
            let [a, b, c, d] = self.0;
            Self([b, a, d, c])
        }

        /// The two halves exchanged.
        #[inline(always)]
        pub(crate) fn swap_halves(self) -> Self {
            let [a, b, c, d] = self.0;
            Self([c, d, a, b])
        }

        /// The four lanes, first lane first.
        #[inline(always)]
        pub(crate) fn to_array(self) -> [f32; 4] {
            self.0
        }

        /// Four signed bytes.
        #[inline(always)]
        pub(crate) fn from_i8(bytes: [i8; 4]) -> Self {
            Self(bytes.map(f32::from))
        }

        /// Four numbers of IEEE 754 binary16, none of which is infinite or NaN.
        #[inline(always)]
        pub(crate) fn from_finite_f16(halves: [u16; 4]) -> Self {
            Self(halves.map(|half| f16::from_bits(half).to_f32()))
        }

        /// Eight numbers of IEEE 754 binary16.
        #[inline(always)]
        pub(crate) fn from_f16(halves: &[u16; 8]) -> [Self; 2] {
            [0, 4].map(|first| Self(core::array::from_fn(|i| f16::from_bits(halves[first + i]).to_f32())))
        }

        /// Eight upper halves of f32.
        #[inline(always)]
        pub(crate) fn from_bf16(halves: &[u16; 8]) -> [Self; 2] {
            let widen = |half: u16| f32::from_bits(u32::from(half) << 16);
            [0, 4].map(|first| Self(core::array::from_fn(|i| widen(halves[first + i]))))
        }
    }
}

pub(crate) use lanes::F32x4;

impl F32x4 {
    /// 1.5 · 2^23: numbers near it are whole, and the lowest bits of their mantissas are what they differ from it by.
    pub(crate) const LARGE: f32 = 12_582_912.0;

    /// `self · m + a`, rounded twice; once where there is relaxed SIMD and the machine has an instruction for it.
    #[inline(always)]
    pub(crate) fn mul_add(self, m: Self, a: Self) -> Self {
        #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
        return Self(core::arch::wasm32::f32x4_relaxed_madd(self.0, m.0, a.0));
        #[cfg(not(all(target_arch = "wasm32", target_feature = "relaxed-simd")))]
        self.mul(m).add(a)
    }

    /// From four lanes, first lane first.
    #[inline(always)]
    pub(crate) fn from_array(lanes: [f32; 4]) -> Self {
        // SAFETY: there are four.
        unsafe { Self::load(lanes.as_ptr()) }
    }

    /// The sum of the four lanes.
    #[inline(always)]
    pub(crate) fn sum(self) -> f32 {
        let [a, b, c, d] = self.to_array();
        (a + b) + (c + d)
    }
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use super::F32x4;

    #[test]
    fn every_16_bit_number_widens_exactly() {
        for first in (0..=u16::MAX).step_by(8) {
            let halves = core::array::from_fn(|i| first + i as u16);
            let same = |found: [F32x4; 2], expected: [f32; 8]| {
                let found = found.map(F32x4::to_array).concat();
                for (found, expected) in found.into_iter().zip(expected) {
                    let equal = found.to_bits() == expected.to_bits();
                    assert!(equal || found.is_nan() && expected.is_nan(), "{found} is not {expected}");
                }
            };
            same(F32x4::from_f16(&halves), halves.map(|h| f16::from_bits(h).to_f32()));
            for four in halves.as_chunks::<4>().0 {
                let exact = four.map(|half| f16::from_bits(half).to_f32());
                let found = F32x4::from_finite_f16(*four).to_array();
                if exact.iter().all(|half| half.is_finite()) {
                    assert_eq!(found.map(f32::to_bits), exact.map(f32::to_bits));
                }
            }
            same(F32x4::from_bf16(&halves), halves.map(|h| bf16::from_bits(h).to_f32()));
        }
    }
}
