//! The element types of both formats.

use core::fmt;

macro_rules! dtypes {
    ($($name:ident: $elements:literal in $bytes:literal),* $(,)?) => {
        /// The type of a tensor's elements, spelled as the file formats spell it.
        #[allow(non_camel_case_types)] // the names are the formats' own
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Dtype {
            $(#[doc = concat!(stringify!($elements), " element(s) in ", stringify!($bytes), " byte(s).")] $name,)*
        }

        impl Dtype {
            /// The type with this name, e.g. `BF16`.
            pub(super) fn from_name(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The unit of storage: how many elements lie in how many bytes.
            pub(crate) fn block(self) -> (usize, usize) {
                match self {
                    $(Self::$name => ($elements, $bytes),)*
                }
            }
        }
    };
}

dtypes! {
    // Both formats.
    F64: 1 in 8, F32: 1 in 4, F16: 1 in 2, BF16: 1 in 2,
    I64: 1 in 8, I32: 1 in 4, I16: 1 in 2, I8: 1 in 1,
    // Safetensors.
    U64: 1 in 8, U32: 1 in 4, U16: 1 in 2, U8: 1 in 1, BOOL: 1 in 1, C64: 1 in 8,
    F8_E5M2: 1 in 1, F8_E4M3: 1 in 1, F8_E8M0: 1 in 1, F8_E4M3FNUZ: 1 in 1, F8_E5M2FNUZ: 1 in 1,
    F6_E2M3: 4 in 3, F6_E3M2: 4 in 3, F4: 2 in 1,
    // GGML.
    Q4_0: 32 in 18, Q4_1: 32 in 20, Q5_0: 32 in 22, Q5_1: 32 in 24, Q8_0: 32 in 34, Q8_1: 32 in 40,
    Q2_K: 256 in 84, Q3_K: 256 in 110, Q4_K: 256 in 144, Q5_K: 256 in 176, Q6_K: 256 in 210, Q8_K: 256 in 292,
    IQ2_XXS: 256 in 66, IQ2_XS: 256 in 74, IQ2_S: 256 in 82, IQ3_XXS: 256 in 98, IQ3_S: 256 in 110,
    IQ1_S: 256 in 50, IQ1_M: 256 in 56, IQ4_NL: 32 in 18, IQ4_XS: 256 in 136,
    TQ1_0: 256 in 54, TQ2_0: 256 in 66, MXFP4: 32 in 17, NVFP4: 64 in 36, Q1_0: 128 in 18,
}

impl Dtype {
    /// The bytes that `shape` takes, or `None` where its rows are no whole blocks or the size overflows.
    pub(crate) fn bytes_for(self, shape: &[usize]) -> Option<usize> {
        let (elements, bytes) = self.block();
        let row = shape.last().copied().unwrap_or(1);
        let count = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d))?;
        (row % elements == 0).then_some(count / elements)?.checked_mul(bytes)
    }
}

impl Dtype {
    /// About the bytes that `shape` is announced to take, however many.
    pub(crate) fn announced_bytes(self, shape: &[usize]) -> u64 {
        let (elements, bytes) = self.block();
        let count = shape.iter().fold(1, |count: u64, size| count.saturating_mul(*size as u64));
        (count / elements as u64).saturating_mul(bytes as u64)
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Dtype;

    #[test]
    fn sizes_count_whole_blocks() {
        assert_eq!(Dtype::F32.bytes_for(&[]), Some(4));
        assert_eq!(Dtype::F16.bytes_for(&[3, 5]), Some(30));
        assert_eq!(Dtype::Q8_0.bytes_for(&[2, 64]), Some(136));
        assert_eq!(Dtype::Q4_K.bytes_for(&[0, 256]), Some(0));
    }

    #[test]
    fn rows_of_half_a_block_and_overflows_have_no_size() {
        assert_eq!(Dtype::Q8_0.bytes_for(&[32, 1]), None);
        assert_eq!(Dtype::F32.bytes_for(&[usize::MAX / 2]), None);
        assert_eq!(Dtype::F32.bytes_for(&[usize::MAX, 2]), None);
    }

    #[test]
    fn names_are_the_formats_own() {
        assert_eq!(Dtype::from_name("F8_E4M3"), Some(Dtype::F8_E4M3));
        assert_eq!(Dtype::from_name("f32"), None);
        assert_eq!(Dtype::Q4_K.to_string(), "Q4_K");
    }
}
