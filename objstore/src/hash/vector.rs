//! The compression function of SHA-256 (FIPS 180-4, section 6.2.2) for several streams at a time, one in each lane of a vector.

use std::{array, sync::LazyLock};

use pulp::{Arch, Simd, WithSimd, bytemuck};

/// Bytes of one block.
pub(super) const BLOCK: usize = 64;

/// As many lanes as the widest vectors here have.
pub(super) const MAX_LANES: usize = 16;

static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// The state of every lane: word by word, each with its lanes side by side.
#[derive(Clone)]
pub(super) struct State([[u32; MAX_LANES]; 8]);

impl State {
    /// Lanes that have seen nothing yet.
    pub(super) fn new() -> Self {
        Self(INITIAL.map(|word| [word; MAX_LANES]))
    }

    /// Takes one slice into each lane; only the first [`lanes`] count. They are of one length, whole blocks.
    pub(super) fn compress(&mut self, inputs: [&[[u8; BLOCK]]; MAX_LANES]) {
        ARCH.dispatch(Compress { state: self, inputs });
    }

    /// What the lane hashes to, when the padding has been taken in.
    pub(super) fn digest(&self, lane: usize) -> [u8; 32] {
        let words = self.0.map(|word| word[lane].to_be_bytes());
        array::from_fn(|at| words[at / 4][at % 4])
    }
}

/// How many lanes this CPU's vectors have for words of 32 bits.
pub(super) fn lanes() -> usize {
    ARCH.dispatch(Count).min(MAX_LANES)
}

struct Count;

impl WithSimd for Count {
    type Output = usize;

    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::U32_LANES
    }
}

struct Compress<'a> {
    state: &'a mut State,
    inputs: [&'a [[u8; BLOCK]]; MAX_LANES],
}

#[allow(clippy::inline_always, reason = "what is not inlined is not compiled for the CPU's vectors")]
impl WithSimd for Compress<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = S::U32_LANES.min(MAX_LANES);
        let words = Words(simd);
        let mut state = [words.constant(0); 8];
        for (word, all) in state.iter_mut().zip(&self.state.0) {
            bytemuck::cast_slice_mut(std::slice::from_mut(word))[..lanes].copy_from_slice(&all[..lanes]);
        }
        for number in 0..self.inputs[0].len() {
            let mut schedule = [words.constant(0); 16];
            let flat: &mut [u32] = bytemuck::cast_slice_mut(&mut schedule);
            for (lane, input) in self.inputs[..lanes].iter().enumerate() {
                for (at, bytes) in input[number].as_chunks::<4>().0.iter().enumerate() {
                    flat[at * S::U32_LANES + lane] = u32::from_be_bytes(*bytes);
                }
            }
            state = words.compress(state, schedule);
        }
        for (word, all) in state.iter().zip(&mut self.state.0) {
            all[..lanes].copy_from_slice(&bytemuck::cast_slice(std::slice::from_ref(word))[..lanes]);
        }
    }
}

/// The operations of SHA-256, with the names of the standard.
#[derive(Clone, Copy)]
struct Words<S>(S);

#[allow(clippy::inline_always, reason = "what is not inlined is not compiled for the CPU's vectors")]
#[allow(clippy::many_single_char_names, reason = "they are the names of the standard")]
impl<S: Simd> Words<S> {
    #[inline(always)]
    fn compress(self, before: [S::u32s; 8], mut w: [S::u32s; 16]) -> [S::u32s; 8] {
        let mut state = before;
        for (sixteen, constants) in ROUND_CONSTANTS.as_chunks::<16>().0.iter().enumerate() {
            for t in 0..16 {
                if sixteen > 0 {
                    let near = self.add(w[t], self.small_sigma_0(w[(t + 1) % 16]));
                    let far = self.add(w[(t + 9) % 16], self.small_sigma_1(w[(t + 14) % 16]));
                    w[t] = self.add(near, far);
                }
                let [a, b, c, d, e, f, g, h] = state;
                let step = self.add(w[t], self.constant(constants[t]));
                let t1 = self.add(self.add(self.add(h, self.big_sigma_1(e)), self.choose(e, f, g)), step);
                let t2 = self.add(self.big_sigma_0(a), self.majority(a, b, c));
                state = [self.add(t1, t2), a, b, c, self.add(d, t1), e, f, g];
            }
        }
        array::from_fn(|at| self.add(before[at], state[at]))
    }

    #[inline(always)]
    fn constant(self, value: u32) -> S::u32s {
        self.0.splat_u32s(value)
    }

    #[inline(always)]
    fn add(self, x: S::u32s, y: S::u32s) -> S::u32s {
        self.0.add_u32s(x, y)
    }

    #[inline(always)]
    fn xor(self, x: S::u32s, y: S::u32s, z: S::u32s) -> S::u32s {
        self.0.xor_u32s(self.0.xor_u32s(x, y), z)
    }

    #[inline(always)]
    fn shift(self, x: S::u32s, by: u32) -> S::u32s {
        self.0.wrapping_dyn_shr_u32s(x, self.constant(by))
    }

    #[inline(always)]
    fn rotate(self, x: S::u32s, by: u32) -> S::u32s {
        self.0.or_u32s(self.shift(x, by), self.0.wrapping_dyn_shl_u32s(x, self.constant(32 - by)))
    }

    #[inline(always)]
    fn choose(self, e: S::u32s, f: S::u32s, g: S::u32s) -> S::u32s {
        self.0.xor_u32s(self.0.and_u32s(e, self.0.xor_u32s(f, g)), g)
    }

    #[inline(always)]
    fn majority(self, a: S::u32s, b: S::u32s, c: S::u32s) -> S::u32s {
        self.0.or_u32s(self.0.and_u32s(a, b), self.0.and_u32s(c, self.0.or_u32s(a, b)))
    }

    #[inline(always)]
    fn big_sigma_0(self, x: S::u32s) -> S::u32s {
        self.xor(self.rotate(x, 2), self.rotate(x, 13), self.rotate(x, 22))
    }

    #[inline(always)]
    fn big_sigma_1(self, x: S::u32s) -> S::u32s {
        self.xor(self.rotate(x, 6), self.rotate(x, 11), self.rotate(x, 25))
    }

    #[inline(always)]
    fn small_sigma_0(self, x: S::u32s) -> S::u32s {
        self.xor(self.rotate(x, 7), self.rotate(x, 18), self.shift(x, 3))
    }

    #[inline(always)]
    fn small_sigma_1(self, x: S::u32s) -> S::u32s {
        self.xor(self.rotate(x, 17), self.rotate(x, 19), self.shift(x, 10))
    }
}

/// FIPS 180-4, section 5.3.3.
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// FIPS 180-4, section 4.2.2.
const ROUND_CONSTANTS: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Two blocks for each lane, and what they make of the initial state.
    fn example() -> (Vec<[[u8; BLOCK]; 2]>, Vec<[u32; 8]>) {
        let blocks = |lane: usize| {
            array::from_fn(|block| array::from_fn(|at| (lane * 89 + block * 7 + at * 31).to_le_bytes()[0]))
        };
        let inputs: Vec<[[u8; BLOCK]; 2]> = (0..MAX_LANES).map(blocks).collect();
        let expected = inputs.iter().map(|input| {
            let mut state = INITIAL;
            sha2::block_api::compress256(&mut state, input);
            state
        });
        let expected = expected.collect();
        (inputs, expected)
    }

    fn compress_with<S: Simd>(simd: S) {
        let (inputs, expected) = example();
        let mut state = State::new();
        simd.vectorize(Compress { state: &mut state, inputs: array::from_fn(|lane| &inputs[lane][..]) });
        for lane in 0..S::U32_LANES.min(MAX_LANES) {
            assert_eq!(state.0.map(|word| word[lane]), expected[lane], "lane {lane} of {}", S::U32_LANES);
        }
    }

    #[test]
    fn every_width_of_vector_agrees_with_sha2() {
        compress_with(pulp::Scalar);
        #[cfg(target_arch = "x86_64")]
        {
            use pulp::x86::{V2, V3, V4};
            V2::try_new().into_iter().for_each(compress_with);
            V3::try_new().into_iter().for_each(compress_with);
            V4::try_new().into_iter().for_each(compress_with);
        }
        #[cfg(target_arch = "aarch64")]
        pulp::aarch64::Neon::try_new().into_iter().for_each(compress_with);
    }

    #[test]
    fn known_answer_from_fips_180_4() {
        let mut block = [0; BLOCK];
        block[..4].copy_from_slice(b"abc\x80");
        block[63] = 24;
        let mut state = State::new();
        state.compress([&[block]; MAX_LANES]);
        for lane in 0..lanes() {
            assert_eq!(crate::Digest::from_bytes(state.digest(lane)), crate::Digest::of(b"abc"));
        }
    }
}
