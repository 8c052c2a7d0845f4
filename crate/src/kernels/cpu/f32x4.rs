//! Four f32 lanes: one wasm `v128` where there is simd128, an array elsewhere.
//!
//! The kernels are written once against this type, so that a native test runs the same algorithm as the browser.
//! Every operation rounds like its scalar counterpart; there is no fused multiply-add in simd128.

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod lanes {
    use core::arch::wasm32::{
        f32x4_abs, f32x4_add, f32x4_div, f32x4_extract_lane, f32x4_mul, f32x4_nearest, f32x4_pmax,
        f32x4_pmin, f32x4_splat, f32x4_sub, i32x4_add, i32x4_shl, i32x4_splat, i32x4_trunc_sat_f32x4, v128,
        v128_bitselect, v128_load, v128_store,
    };

    /// Four f32 lanes.
    #[derive(Clone, Copy)]
    pub(crate) struct F32x4(v128);

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

        /// 2^n for whole `n` in [-126, 127].
        #[inline(always)]
        pub(crate) fn exp2i(self) -> Self {
            let n = i32x4_trunc_sat_f32x4(self.0);
            let biased = i32x4_add(n, i32x4_splat(127));
            Self(i32x4_shl(biased, 23))
        }

        /// The magnitude of `self` with the sign of `sign`.
        #[inline(always)]
        pub(crate) fn copysign(self, sign: Self) -> Self {
            Self(v128_bitselect(sign.0, self.0, f32x4_splat(-0.0)))
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
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod lanes {
    /// Four f32 lanes.
    #[derive(Clone, Copy)]
    pub(crate) struct F32x4([f32; 4]);

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

        /// 2^n for whole `n` in [-126, 127].
        #[inline(always)]
        pub(crate) fn exp2i(self) -> Self {
            Self(self.0.map(|n| f32::from_bits((n as i32 + 127).cast_unsigned() << 23)))
        }

        /// The magnitude of `self` with the sign of `sign`.
        #[inline(always)]
        pub(crate) fn copysign(self, sign: Self) -> Self {
            self.zip(sign, f32::copysign)
        }

        /// The four lanes, first lane first.
        #[inline(always)]
        pub(crate) fn to_array(self) -> [f32; 4] {
            self.0
        }
    }
}

pub(crate) use lanes::F32x4;

impl F32x4 {
    /// `self · m + a`, rounded twice.
    #[inline(always)]
    pub(crate) fn mul_add(self, m: Self, a: Self) -> Self {
        self.mul(m).add(a)
    }

    /// The sum of the four lanes.
    #[inline(always)]
    pub(crate) fn sum(self) -> f32 {
        let [a, b, c, d] = self.to_array();
        (a + b) + (c + d)
    }
}
