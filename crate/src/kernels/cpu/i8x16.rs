//! Sixteen bytes that are multiplied in fours: one wasm `v128` where there is relaxed SIMD, an array elsewhere.
//!
//! One factor has seven bits and no sign, so that every machine's instruction gives the exact product.

#[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
mod lanes {
    use core::arch::wasm32::{
        i32x4_relaxed_dot_i8x16_i7x16_add, i32x4_splat, u16x8_shl, u16x8_shr, u16x8_splat, v128, v128_and,
        v128_load, v128_or, v128_store,
    };

    use super::super::i16x8::I32x4;

    /// Sixteen bytes.
    #[derive(Clone, Copy)]
    pub(crate) struct I8x16(v128);

    impl I8x16 {
        /// The four bytes of `word`, lowest first, four times.
        #[inline(always)]
        pub(crate) fn splat_four(word: i32) -> Self {
            Self(i32x4_splat(word))
        }

        /// # Safety
        /// `p` must be valid for reading sixteen bytes; no alignment is needed.
        #[inline(always)]
        pub(crate) unsafe fn load(p: *const u8) -> Self {
            Self(unsafe { v128_load(p.cast()) })
        }

        /// # Safety
        /// `p` must be valid for writing sixteen bytes; no alignment is needed.
        #[inline(always)]
        pub(crate) unsafe fn store(self, p: *mut u8) {
            unsafe { v128_store(p.cast(), self.0) }
        }

        /// Each byte shifted down; what comes in above is unspecified.
        #[inline(always)]
        pub(crate) fn lowered(self, bits: u32) -> Self {
            Self(u16x8_shr(self.0, bits))
        }

        /// The bits of each byte that are `bits` higher or, where that is negative, lower, and in `mask`.
        #[inline(always)]
        pub(crate) fn shifted(self, bits: i32, mask: u8) -> Self {
            let moved = match bits {
                0 => self.0,
                1.. => u16x8_shr(self.0, bits.unsigned_abs()),
                _ => u16x8_shl(self.0, bits.unsigned_abs()),
            };
            Self(v128_and(moved, u16x8_splat(u16::from_ne_bytes([mask; 2]))))
        }

        #[inline(always)]
        pub(crate) fn or(self, o: Self) -> Self {
            Self(v128_or(self.0, o.0))
        }

        /// Lane `l` is that of `sum` and the products of bytes `4l` to `4l + 3`; those of `o` are from 0 to 127.
        #[inline(always)]
        pub(crate) fn dot_add(self, o: Self, sum: I32x4) -> I32x4 {
            I32x4(i32x4_relaxed_dot_i8x16_i7x16_add(self.0, o.0, sum.0))
        }
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "relaxed-simd")))]
mod lanes {
    use core::array::from_fn;

    use super::super::i16x8::I32x4;

    /// Sixteen bytes.
    #[derive(Clone, Copy)]
    pub(crate) struct I8x16([i8; 16]);

    impl I8x16 {
        /// The four bytes of `word`, lowest first, four times.
        #[inline(always)]
        pub(crate) fn splat_four(word: i32) -> Self {
            let four = word.to_le_bytes();
            Self(from_fn(|i| four[i % 4].cast_signed()))
        }

        /// # Safety
        /// `p` must be valid for reading sixteen bytes; no alignment is needed.
        #[inline(always)]
        pub(crate) unsafe fn load(p: *const u8) -> Self {
            Self(unsafe { p.cast::<[i8; 16]>().read_unaligned() })
        }

        /// # Safety
        /// `p` must be valid for writing sixteen bytes; no alignment is needed.
        #[inline(always)]
        pub(crate) unsafe fn store(self, p: *mut u8) {
            unsafe { p.cast::<[i8; 16]>().write_unaligned(self.0) }
        }

        /// Each byte shifted down; what comes in above is unspecified.
        #[inline(always)]
        pub(crate) fn lowered(self, bits: u32) -> Self {
            Self(self.0.map(|byte| (byte.cast_unsigned() >> bits).cast_signed()))
        }

        /// The bits of each byte that are `bits` higher or, where that is negative, lower, and in `mask`.
        #[inline(always)]
        pub(crate) fn shifted(self, bits: i32, mask: u8) -> Self {
            let moved = |byte: u8| if bits < 0 { byte << -bits } else { byte >> bits };
            Self(self.0.map(|byte| (moved(byte.cast_unsigned()) & mask).cast_signed()))
        }

        #[inline(always)]
        pub(crate) fn or(self, o: Self) -> Self {
            Self(from_fn(|i| self.0[i] | o.0[i]))
        }

        /// Lane `l` is that of `sum` and the products of bytes `4l` to `4l + 3`; those of `o` are from 0 to 127.
        #[inline(always)]
        pub(crate) fn dot_add(self, o: Self, sum: I32x4) -> I32x4 {
            let product = |i: usize| i32::from(self.0[i]) * i32::from(o.0[i]);
            let four = |l: usize| (4 * l..4 * l + 4).map(product).sum::<i32>();
            sum.add(I32x4::from_array(from_fn(four)))
        }
    }
}

pub(crate) use lanes::I8x16;
