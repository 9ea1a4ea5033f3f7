//! Chance that is handed in: a small generator whose whole future follows from its seed.
//!
//! SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014). Good enough
//! for jitter and call references; never used for anything secret.

/// A seeded generator.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// A generator whose sequence is fixed by `seed`.
    pub fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `most`, both included.
    pub fn up_to(&mut self, most: u64) -> u64 {
        match most.checked_add(1) {
            // The high half of a product spreads evenly without a division (Lemire 2019).
            Some(count) => ((u128::from(self.bits()) * u128::from(count)) >> 64) as u64,
            None => self.bits(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Chance;

    #[test]
    fn the_same_seed_gives_the_same_numbers_within_their_bound() {
        let (mut one, mut other) = (Chance::new(7), Chance::new(7));
        for most in [0, 1, 9, 1000, u64::MAX] {
            let number = one.up_to(most);
            assert!(number <= most);
            assert_eq!(number, other.up_to(most));
        }
    }
}
