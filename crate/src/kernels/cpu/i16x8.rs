//! Integer lanes: eight i16 and four i32, one wasm `v128` where there is simd128, arrays elsewhere.
//!
//! Every operation is exact and wraps like its wasm instruction.

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod lanes {
    use core::arch::wasm32::{
        f32x4_convert_i32x4, i8x16_narrow_i16x8, i8x16_shuffle, i16x8_add, i16x8_max, i16x8_narrow_i32x4,
        i16x8_shl, i16x8_shr, i16x8_splat, i16x8_sub, i32x4, i32x4_add, i32x4_dot_i16x8,
        i32x4_extadd_pairwise_i16x8, i32x4_extract_lane, i32x4_splat, i32x4_sub, i32x4_trunc_sat_f32x4,
        i64x2_shuffle, u16x8_shr, v128, v128_and, v128_load, v128_or, v128_store,
    };

    use super::super::f32x4::F32x4;

    /// Eight i16 lanes.
    #[derive(Clone, Copy)]
    pub(crate) struct I16x8(v128);

    impl I16x8 {
        #[inline(always)]
        pub(crate) fn splat(x: i16) -> Self {
            Self(i16x8_splat(x))
        }

        /// The pair of lanes in `word`, low half first, four times.
        #[inline(always)]
        pub(crate) fn splat_pair(word: i32) -> Self {
            Self(i32x4_splat(word))
        }

        /// # Safety
        /// `p` must be valid for reading sixteen bytes; no alignment is needed.
        #[inline(always)]
        pub(crate) unsafe fn load(p: *const u8) -> Self {
            Self(unsafe { v128_load(p.cast()) })
        }

        /// # Safety
        /// `p` must be valid for writing eight i16; no alignment is needed.
        #[inline(always)]
        pub(crate) unsafe fn store(self, p: *mut i16) {
            unsafe { v128_store(p.cast(), self.0) }
        }

        #[inline(always)]
        pub(crate) fn and(self, o: Self) -> Self {
            Self(v128_and(self.0, o.0))
        }

        #[inline(always)]
        pub(crate) fn or(self, o: Self) -> Self {
            Self(v128_or(self.0, o.0))
        }

        #[inline(always)]
        pub(crate) fn add(self, o: Self) -> Self {
            Self(i16x8_add(self.0, o.0))
        }

        #[inline(always)]
        pub(crate) fn sub(self, o: Self) -> Self {
            Self(i16x8_sub(self.0, o.0))
        }

        #[inline(always)]
        pub(crate) fn shl(self, bits: u32) -> Self {
            Self(i16x8_shl(self.0, bits))
        }

        #[inline(always)]
        pub(crate) fn max(self, o: Self) -> Self {
            Self(i16x8_max(self.0, o.0))
        }

        /// Shifts zeros in.
        #[inline(always)]
        pub(crate) fn shr(self, bits: u32) -> Self {
            Self(u16x8_shr(self.0, bits))
        }

        /// Shifts the sign in.
        #[inline(always)]
        pub(crate) fn shr_signed(self, bits: u32) -> Self {
            Self(i16x8_shr(self.0, bits))
        }

        /// Lane `l` is the sum of the products of lanes `2l` and `2l + 1`.
        #[inline(always)]
        pub(crate) fn dot(self, o: Self) -> I32x4 {
            I32x4(i32x4_dot_i16x8(self.0, o.0))
        }

        /// The sum of the eight lanes.
        #[inline(always)]
        pub(crate) fn sum(self) -> i32 {
            let fours = i32x4_extadd_pairwise_i16x8(self.0);
            let twos = i32x4_add(fours, i64x2_shuffle::<1, 0>(fours, fours));
            i32x4_extract_lane::<0>(twos).wrapping_add(i32x4_extract_lane::<1>(twos))
        }

        /// Neighbouring lanes as words, the first one in the low half.
        #[inline(always)]
        pub(crate) fn to_pairs(self) -> [i32; 4] {
            [
                i32x4_extract_lane::<0>(self.0),
                i32x4_extract_lane::<1>(self.0),
                i32x4_extract_lane::<2>(self.0),
                i32x4_extract_lane::<3>(self.0),
            ]
        }

        /// Sixteen numbers as bytes, four to a word, the second and the third of each exchanged. Numbers outside i8 become
        /// its ends.
        #[inline(always)]
        pub(crate) fn to_fours(low: Self, high: Self) -> [i32; 4] {
            let bytes = i8x16_narrow_i16x8(low.0, high.0);
            let bytes = i8x16_shuffle::<0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15>(bytes, bytes);
            Self(bytes).to_pairs()
        }

        /// Two fours of numbers that are from 0 to 255 beside [`F32x4::LARGE`]. Of other numbers it is some number from 0 to
        /// 255.
        #[inline(always)]
        pub(crate) fn bytes_beside(low: F32x4, high: F32x4) -> Self {
            let byte = |x: F32x4| v128_and(x.0, i32x4_splat(255));
            Self(i16x8_narrow_i32x4(byte(low), byte(high)))
        }

        /// Two fours rounded towards zero; numbers outside i16 become its ends and NaN becomes zero.
        #[inline(always)]
        pub(crate) fn truncate(low: F32x4, high: F32x4) -> Self {
            Self(i16x8_narrow_i32x4(i32x4_trunc_sat_f32x4(low.0), i32x4_trunc_sat_f32x4(high.0)))
        }
    }

    /// Four i32 lanes.
    #[derive(Clone, Copy)]
    pub(crate) struct I32x4(pub(in crate::kernels::cpu) v128);

    impl I32x4 {
        #[inline(always)]
        pub(crate) fn splat(x: i32) -> Self {
            Self(i32x4_splat(x))
        }

        #[cfg_attr(target_feature = "relaxed-simd", expect(dead_code))] // bytes are then multiplied in one instruction
        #[inline(always)]
        pub(crate) fn from_array([a, b, c, d]: [i32; 4]) -> Self {
            Self(i32x4(a, b, c, d))
        }

        #[inline(always)]
        pub(crate) fn add(self, o: Self) -> Self {
            Self(i32x4_add(self.0, o.0))
        }

        #[inline(always)]
        pub(crate) fn sub(self, o: Self) -> Self {
            Self(i32x4_sub(self.0, o.0))
        }

        #[inline(always)]
        pub(crate) fn to_f32(self) -> F32x4 {
            F32x4(f32x4_convert_i32x4(self.0))
        }
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod lanes {
    use core::array::from_fn;
    #[cfg(target_arch = "x86_64")]
    use core::mem::transmute;

    use super::super::f32x4::F32x4;

    /// Eight i16 lanes.
    #[derive(Clone, Copy)]
    pub(crate) struct I16x8([i16; 8]);

    impl I16x8 {
        #[inline(always)]
        pub(crate) fn splat(x: i16) -> Self {
            Self([x; 8])
        }

        /// The pair of lanes in `word`, low half first, four times.
        #[inline(always)]
        pub(crate) fn splat_pair(word: i32) -> Self {
            let [low, high] = [word as i16, (word >> 16) as i16];
            Self([low, high, low, high, low, high, low, high])
        }

        /// # Safety
        /// `p` must be valid for reading sixteen bytes; no alignment is needed.
        #[inline(always)]
        pub(crate) unsafe fn load(p: *const u8) -> Self {
            Self(unsafe { p.cast::<[i16; 8]>().read_unaligned() })
        }

        /// # Safety
        /// `p` must be valid for writing eight i16; no alignment is needed.
        #[inline(always)]
        pub(crate) unsafe fn store(self, p: *mut i16) {
            unsafe { p.cast::<[i16; 8]>().write_unaligned(self.0) }
        }

        #[inline(always)]
        pub(crate) fn and(self, o: Self) -> Self {
            Self(from_fn(|i| self.0[i] & o.0[i]))
        }

        #[inline(always)]
        pub(crate) fn or(self, o: Self) -> Self {
            Self(from_fn(|i| self.0[i] | o.0[i]))
        }

        #[inline(always)]
        pub(crate) fn add(self, o: Self) -> Self {
            Self(from_fn(|i| self.0[i].wrapping_add(o.0[i])))
        }

        #[inline(always)]
        pub(crate) fn sub(self, o: Self) -> Self {
            Self(from_fn(|i| self.0[i].wrapping_sub(o.0[i])))
        }

        #[inline(always)]
        pub(crate) fn shl(self, bits: u32) -> Self {
            Self(self.0.map(|x| x.wrapping_shl(bits)))
        }

        #[inline(always)]
        pub(crate) fn max(self, o: Self) -> Self {
            Self(from_fn(|i| self.0[i].max(o.0[i])))
        }

        /// Shifts zeros in.
        #[inline(always)]
        pub(crate) fn shr(self, bits: u32) -> Self {
            Self(self.0.map(|x| x.cast_unsigned().wrapping_shr(bits).cast_signed()))
        }

        /// Shifts the sign in.
        #[inline(always)]
        pub(crate) fn shr_signed(self, bits: u32) -> Self {
            Self(self.0.map(|x| x.wrapping_shr(bits)))
        }

        /// Lane `l` is the sum of the products of lanes `2l` and `2l + 1`.
        #[cfg(not(target_arch = "x86_64"))]
        #[inline(always)]
        pub(crate) fn dot(self, o: Self) -> I32x4 {
            let product = |i: usize| i32::from(self.0[i]) * i32::from(o.0[i]);
            I32x4(from_fn(|l| product(2 * l).wrapping_add(product(2 * l + 1))))
        }

        /// The same by the instruction that every x86-64 has, and the compiler does not always find.
        #[cfg(target_arch = "x86_64")]
        #[inline(always)]
        pub(crate) fn dot(self, o: Self) -> I32x4 {
            use core::arch::x86_64::{__m128i, _mm_madd_epi16};
            let register = |lanes: Self| {
                // SAFETY: both types are of sixteen bytes, any of which are valid.
                unsafe { transmute::<[i16; 8], __m128i>(lanes.0) }
            };
            // SAFETY: the same, and every x86-64 has SSE2.
            I32x4(unsafe { transmute::<__m128i, [i32; 4]>(_mm_madd_epi16(register(self), register(o))) })
        }

        /// The sum of the eight lanes.
        #[inline(always)]
        pub(crate) fn sum(self) -> i32 {
            self.0.into_iter().map(i32::from).sum()
        }

        /// Neighbouring lanes as words, the first one in the low half.
        #[inline(always)]
        pub(crate) fn to_pairs(self) -> [i32; 4] {
            from_fn(|l| i32::from(self.0[2 * l]) & 0xffff | i32::from(self.0[2 * l + 1]) << 16)
        }

        /// Sixteen numbers as bytes, four to a word, the second and the third of each exchanged. Numbers outside i8 become
        /// its ends.
        #[inline(always)]
        pub(crate) fn to_fours(low: Self, high: Self) -> [i32; 4] {
            let byte = |i: usize| if i < 8 { low.0[i] } else { high.0[i - 8] }.clamp(-128, 127) as u8;
            from_fn(|w| i32::from_le_bytes([0, 2, 1, 3].map(|i| byte(4 * w + i))))
        }

        /// Two fours of numbers that are from 0 to 255 beside [`F32x4::LARGE`]. Of other numbers it is some number from 0 to
        /// 255.
        #[inline(always)]
        pub(crate) fn bytes_beside(low: F32x4, high: F32x4) -> Self {
            let (low, high) = (low.to_array(), high.to_array());
            Self(from_fn(|i| (if i < 4 { low[i] } else { high[i - 4] }.to_bits() & 255) as i16))
        }

        /// Two fours rounded towards zero; numbers outside i16 become its ends and NaN becomes zero.
        #[inline(always)]
        pub(crate) fn truncate(low: F32x4, high: F32x4) -> Self {
            let (low, high) = (low.to_array(), high.to_array());
            Self(from_fn(|i| (if i < 4 { low[i] } else { high[i - 4] }) as i16))
        }
    }

    /// Four i32 lanes.
    #[derive(Clone, Copy)]
    pub(crate) struct I32x4([i32; 4]);

    impl I32x4 {
        #[inline(always)]
        pub(crate) fn splat(x: i32) -> Self {
            Self([x; 4])
        }

        #[inline(always)]
        pub(crate) fn from_array(lanes: [i32; 4]) -> Self {
            Self(lanes)
        }

        #[inline(always)]
        pub(crate) fn add(self, o: Self) -> Self {
            Self(from_fn(|i| self.0[i].wrapping_add(o.0[i])))
        }

        #[inline(always)]
        pub(crate) fn sub(self, o: Self) -> Self {
            Self(from_fn(|i| self.0[i].wrapping_sub(o.0[i])))
        }

        #[inline(always)]
        pub(crate) fn to_f32(self) -> F32x4 {
            F32x4(self.0.map(|x| x as f32))
        }
    }
}

pub(crate) use lanes::{I16x8, I32x4};
