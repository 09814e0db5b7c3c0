//! The sizes that a task can have on Fargate.
//! Source: Amazon ECS Developer Guide, "Fargate task definition parameters", task CPU and memory; 32 vCPU since June 2026, on Linux.

use std::fmt;

use crate::gather::Gather;

/// vCPU units (1024 are one vCPU), and the memory that goes with them, in MiB.
pub(super) const SIZES: [(u64, Memory); 8] = [
    (256, Memory::These(&[512, 1024, 2048])),
    (512, Memory::Steps { least: 1024, most: 4096, step: 1024 }),
    (1024, Memory::Steps { least: 2048, most: 8192, step: 1024 }),
    (2048, Memory::Steps { least: 4096, most: 16384, step: 1024 }),
    (4096, Memory::Steps { least: 8192, most: 30720, step: 1024 }),
    (8192, Memory::Steps { least: 16384, most: 61440, step: 4096 }),
    (16384, Memory::Steps { least: 32768, most: 122_880, step: 8192 }),
    (32768, Memory::These(&[61440, 122_880, 249_856])),
];

/// What one size can have of memory, in MiB, from the least to the most.
#[derive(Clone, Copy)]
pub(super) enum Memory {
    Steps { least: u64, most: u64, step: u64 },
    These(&'static [u64]),
}

impl Memory {
    /// The least that holds so much.
    fn holding(self, memory: u64) -> Option<u64> {
        match self {
            Self::Steps { least, most, step } => {
                Some(memory.checked_next_multiple_of(step)?.max(least)).filter(|held| *held <= most)
            }
            Self::These(these) => these.iter().copied().find(|held| *held >= memory),
        }
    }

    fn most(self) -> u64 {
        match self {
            Self::Steps { most, .. } => most,
            Self::These(these) => these[these.len() - 1],
        }
    }

    pub(super) fn takes(self, memory: u64) -> bool {
        self.holding(memory) == Some(memory)
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps { least, most, step } => write!(out, "from {least} to {most}, in steps of {step}"),
            Self::These(these) => {
                let these: Vec<String> = these.iter().map(u64::to_string).gather();
                out.write_str(&these.join(", "))
            }
        }
    }
}

/// The smallest size that holds so many vCPU units (1024 are one vCPU) and MiB of memory, in the same units; where none does,
/// the largest.
pub fn fargate_size(cpu: u64, memory: u64) -> (u64, u64) {
    let (most, of_most) = SIZES[SIZES.len() - 1];
    let largest = || (most, of_most.holding(memory).unwrap_or(of_most.most()));
    let holds = |(units, memories): &(u64, Memory)| Some((*units, memories.holding(memory)?)).filter(|_| *units >= cpu);
    SIZES.iter().find_map(holds).unwrap_or_else(largest)
}

#[cfg(test)]
mod tests {
    use super::fargate_size;

    #[test]
    fn a_container_gets_the_smallest_size_of_fargate_that_holds_it() {
        for ((cpu, memory), size) in [
            ((0, 0), (256, 512)),
            ((128, 600), (256, 1024)),
            ((256, 1100), (256, 2048)),
            ((256, 3000), (512, 3072)),
            ((512, 512), (512, 1024)),
            ((1500, 5000), (2048, 5120)),
            ((8192, 17_000), (8192, 20_480)),
            ((16384, 122_881), (32768, 249_856)),
            ((20_000, 70_000), (32768, 122_880)),
            ((99_999, 1), (32768, 61440)),
            ((1, 999_999), (32768, 249_856)),
            ((1, u64::MAX), (32768, 249_856)),
        ] {
            assert_eq!(fargate_size(cpu, memory), size, "{cpu} {memory}");
        }
    }
}
