//! Where everything in a simulated world comes from: one number.

/// SplitMix64.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        // Seeds that follow each other have nothing in common.
        Self(seed.wrapping_mul(0xD1B5_4A32_D192_ED03) ^ 0x2545_F491_4F6C_DD1D)
    }

    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From the first to the last, both included.
    pub(super) fn from(&mut self, first: u64, last: u64) -> u64 {
        first + self.number() % (last - first + 1)
    }

    /// So often in a hundred.
    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.from(1, 100) <= percent
    }

    pub(super) fn one<T: Clone>(&mut self, of: &[T]) -> T {
        let place = self.from(0, of.len() as u64 - 1);
        of[usize::try_from(place).unwrap_or_default()].clone()
    }
}
